//! Signs texts: the first part of `minhash-dedup`, a transform, so that it works beside what makes the rows, on every core.
//!
//! For each row it puts out what later parts need, and nothing else: the bands of its signature, what it is compared by, and how long
//! the text is. Rows keep their places, by which the later parts call them.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use step_minhash_dedup::{Config, Permutations, Shingler, Verify, columns, distinct};

/// Signs texts.
pub struct Sign;

impl Transform for Sign {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        let (banding, _) = config.search()?;
        config.written()?;
        let shape = columns::writes_only(input, columns::signed()).reads(&text);
        let permutations = usize::from(config.permutations.get());
        let verify = config.verify;
        let permuted = Permutations::new(permutations, config.seed);
        let mut shingler = Shingler::new(config.ngram.get(), config.lowercase);
        let (mut shingles, mut signature) = (vec![], vec![0; permutations]);
        Ok(shape.process(move |batch| {
            let texts = batch.get(&text)?;
            let rows = batch.rows();
            let mut bands: ListBuilder<NumberBuilder<u64>> = ListBuilder::with_capacity(rows);
            let mut compared = BinaryBuilder::with_capacities(rows, 0);
            let mut bytes: Vec<u8> = vec![];
            let mut lengths: Vec<u32> = Vec::with_capacity(rows);
            for text in texts.iter() {
                let text = text.unwrap_or_default();
                shingler.shingles(text, &mut shingles);
                permuted.sign(&shingles, &mut signature);
                // Nulls and texts without words have nothing to compare, and are like no other row: they are in no band.
                if !shingles.is_empty() {
                    banding.hashes(&signature).for_each(|band| bands.items.push(band));
                }
                bands.close();
                bytes.clear();
                match verify {
                    Verify::Shingles => bytes.extend(distinct(&mut shingles)),
                    Verify::Signature => bytes.extend(signature.iter().flat_map(|place| place.to_le_bytes())),
                }
                compared.push(&bytes);
                lengths.push(u32::try_from(text.len())?);
            }
            Ok(Output::new().column(bands.finish()).column(compared.finish()).column(lengths))
        }))
    }
}

callboard_sdk::transform!(Sign);
