//! Images of a prompt: an address, or the bytes of a column.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An image, as servers are given one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// Where the server finds it.
    Url(String),
    /// Its bytes, in base64, and what they are.
    Data {
        /// `image/png` and the like.
        media_type: String,
        /// In base64.
        base64: String,
    },
}

impl Image {
    /// The image at an address: `https://…`, or a data URL.
    ///
    /// # Errors
    /// What is none, in words.
    pub fn of_url(url: &str) -> Result<Image, String> {
        if let Some(data) = url.strip_prefix("data:") {
            let (media_type, base64) = data.split_once(";base64,").ok_or("a data URL of an image is in base64")?;
            return Ok(Image::Data { media_type: media_type.into(), base64: base64.into() });
        }
        match url.starts_with("https://") || url.starts_with("http://") {
            true => Ok(Image::Url(url.into())),
            false => Err(format!("an image is a URL or bytes, found {:?}", url.chars().take(40).collect::<String>())),
        }
    }

    /// The image of these bytes: PNG, JPEG, GIF or WebP.
    ///
    /// # Errors
    /// If they are none of these.
    pub fn of_bytes(bytes: &[u8]) -> Result<Image, String> {
        let media_type = match bytes {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ => return Err("an image is PNG, JPEG, GIF or WebP, and these bytes are none of them".into()),
        };
        Ok(Image::Data { media_type: media_type.into(), base64: STANDARD.encode(bytes) })
    }

    /// As one address.
    pub fn to_url(&self) -> String {
        match self {
            Image::Url(url) => url.clone(),
            Image::Data { media_type, base64 } => format!("data:{media_type};base64,{base64}"),
        }
    }
}
