//! The stores of addresses: which service, where it is, and with whose credentials.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{ClientOptions, ObjectStore, StaticCredentialProvider};

use super::access::Access;
use super::client::{Connector, Redirects, once};
use super::fault::{Doing, Fault};
use super::profiles::Profile;
use crate::error::ErrorKind;
use callboard_words::address::{Address, Scheme, is_loopback};

/// A bucket or container, and what its service can do.
#[derive(Clone)]
pub(crate) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) listing: Arc<dyn PaginatedListStore>,
    pub(super) uploads: Arc<dyn MultipartStore>,
    /// What lists uploads that have begun, where there is such a thing.
    pub(super) lists_uploads: Option<Arc<Uploads>>,
}

impl Store {
    fn of<S: ObjectStore + PaginatedListStore + MultipartStore>(store: S) -> Store {
        let store = Arc::new(store);
        Store { objects: store.clone(), listing: store.clone(), uploads: store, lists_uploads: None }
    }

    /// The store that an address lies in. Nothing is sent.
    ///
    /// # Errors
    /// Credentials that are not there, or are half there; an endpoint that is not one.
    pub(crate) fn open(address: &Address, access: &Access) -> Result<Store, Fault> {
        match address.scheme {
            Scheme::S3 => s3(&address.bucket, access),
            Scheme::Google => google(&address.bucket, access),
            Scheme::Azure => azure(&address.bucket, access),
            Scheme::Web { .. } | Scheme::Hub => Err(Fault::new(ErrorKind::Spec, "this is no store of objects")),
        }
    }
}

fn s3(bucket: &str, access: &Access) -> Result<Store, Fault> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let profile = Profile::read();
    let said = |builder: &AmazonS3Builder, key| builder.get_config_value(&key);
    if let Some(region) = &access.region {
        builder = builder.with_region(region);
    } else if said(&builder, AmazonS3ConfigKey::Region).is_none()
        && let Some(region) = profile.get("region")
    {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &access.endpoint {
        builder = builder.with_endpoint(endpoint).with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    let mut endpoint =
        said(&builder, AmazonS3ConfigKey::S3Endpoint).or_else(|| said(&builder, AmazonS3ConfigKey::Endpoint));
    if endpoint.is_none()
        && let Some(there) = profile.get("endpoint_url")
    {
        builder = builder.with_endpoint(there);
        endpoint = Some(there.to_owned());
    }
    if let Some(endpoint) = &endpoint {
        check_endpoint(endpoint)?;
    }
    let is_set = |key| said(&builder, key).is_some_and(|value| !value.is_empty());
    let skips = said(&builder, AmazonS3ConfigKey::SkipSignature).is_some_and(|value| value == "true");
    let (key, secret) = (is_set(AmazonS3ConfigKey::AccessKeyId), is_set(AmazonS3ConfigKey::SecretAccessKey));
    let by_service = is_set(AmazonS3ConfigKey::ContainerCredentialsRelativeUri)
        || is_set(AmazonS3ConfigKey::ContainerCredentialsFullUri)
        || (is_set(AmazonS3ConfigKey::WebIdentityTokenFile) && is_set(AmazonS3ConfigKey::RoleArn));
    if access.anonymous || skips {
        builder = builder.with_skip_signature(true);
    } else if key != secret {
        let (is, is_not) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        let (is, is_not) = if key { (is, is_not) } else { (is_not, is) };
        return Err(Fault::new(ErrorKind::System, format!("{is} is set, and {is_not} is not")).help("set both"));
    } else if !key
        && !by_service
        && let Some(keys) = profile.credentials()?
    {
        builder = builder.with_credentials(Arc::new(keys));
    } else if !key && !by_service && !is_any_set(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"]) && !is_machine_of("Amazon EC2")
    {
        let help = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; \
                    for a public bucket: access = { anonymous = true }";
        return Err(Fault::new(ErrorKind::System, "there are no credentials for S3").help(help));
    }
    let is_anonymous = access.anonymous || skips;
    // A request for each object is what every service knows.
    let builder = builder.with_config(AmazonS3ConfigKey::DisableBulkDelete, "true");
    let builder = builder.with_retry(once()).with_http_connector(Connector(Redirects::Refuse));
    let store = builder.build().map_err(|error| unusable(&error))?;
    let by = if is_anonymous { By::Nobody(endpoint.unwrap_or_default()) } else { By::Signer(Arc::new(store.clone())) };
    Ok(Store { lists_uploads: Some(Arc::new(Uploads(by))), ..Store::of(store) })
}

/// Lists uploads to S3 that have begun, which the library does not.
pub(super) struct Uploads(By);

enum By {
    Signer(Arc<dyn Signer>),
    /// At this endpoint.
    Nobody(String),
}

impl Uploads {
    /// The identifiers of the uploads to a key.
    pub(super) async fn uploads(&self, address: &Address) -> Result<Vec<String>, Fault> {
        let begun = self.below(address).await?;
        Ok(begun.into_iter().filter(|(key, _)| *key == address.key).map(|(_, id)| id).collect())
    }

    /// The keys and identifiers of the uploads to keys that begin like this one, up to what the store lists at once.
    pub(super) async fn below(&self, address: &Address) -> Result<Vec<(String, String)>, Fault> {
        let query = [("uploads", ""), ("prefix", address.key.as_str())];
        let failed = |error: object_store::Error| Fault::of_store(&error, address, Doing::Write);
        let url = match &self.0 {
            By::Signer(signer) => {
                let options = SignedUrlOptions::default().with_query(query);
                let url = signer.signed_url_opts(reqwest::Method::GET, &Path::default(), SIGNED, &options).await;
                url.map_err(failed)?
            }
            By::Nobody(endpoint) => {
                let at = format!("{}/{}/", endpoint.trim_end_matches('/'), address.bucket);
                let url = reqwest::Url::parse_with_params(&at, query);
                url.map_err(|error| Fault::new(ErrorKind::Spec, error.to_string()))?
            }
        };
        let client = Connector(Redirects::Refuse).connect(&ClientOptions::new()).map_err(failed)?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let not_one = |_| Fault::new(ErrorKind::System, "the store has no usable address");
        *request.uri_mut() = url.as_str().parse().map_err(not_one)?;
        let generic = |error| failed(object_store::Error::Generic { store: "S3", source: Box::new(error) });
        let body = client.execute(request).await.map_err(generic)?.into_body();
        let text = super::client::start_of(body, LISTED).await;
        let of = |upload: &str, name: &str| {
            let (_, rest) = upload.split_once(&format!("<{name}>"))?;
            let text = rest.split_once("</")?.0;
            Some(text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        };
        let uploads = text.split("<Upload>").skip(1);
        Ok(uploads.filter_map(|upload| Some((of(upload, "Key")?, of(upload, "UploadId")?))).collect())
    }
}

/// A list of uploads is read as far as this, bytes.
const LISTED: usize = 8 << 20;
/// How long such a request is valid.
const SIGNED: Duration = Duration::from_secs(300);

/// Whether this machine is one of this vendor's, and so may have credentials of its own.
fn is_machine_of(vendor: &str) -> bool {
    fs::read_to_string("/sys/class/dmi/id/sys_vendor").is_ok_and(|there| there.contains(vendor))
}

/// Whether one of these variables is set: a service that runs containers gives them credentials, and says so by them.
fn is_any_set(variables: &[&str]) -> bool {
    variables.iter().any(|variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty()))
}

fn google(bucket: &str, access: &Access) -> Result<Store, Fault> {
    use GoogleConfigKey::{ApplicationCredentials, BearerToken, ServiceAccount, ServiceAccountKey, SkipSignature};
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
    if let Some(endpoint) = &access.endpoint {
        check_endpoint(endpoint)?;
        builder = builder.with_base_url(endpoint);
    }
    let has = |key| builder.get_config_value(&key).is_some_and(|value| !value.is_empty() && value != "false");
    if access.anonymous || has(SkipSignature) {
        // What writes asks for credentials all the same.
        let none = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
        builder = builder.with_skip_signature(true).with_credentials(Arc::new(none));
    } else if ![ApplicationCredentials, BearerToken, ServiceAccount, ServiceAccountKey].into_iter().any(has)
        && !std::env::home_dir().is_some_and(|home| home.join(LOGGED_IN_TO_GOOGLE).exists())
        && !is_any_set(&["GCE_METADATA_HOST", "METADATA_IP", "K_SERVICE", "KUBERNETES_SERVICE_HOST"])
        && !is_machine_of("Google")
    {
        let help = "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, \
                    or `gcloud auth application-default login`; for a public bucket: access = { anonymous = true }";
        return Err(Fault::new(ErrorKind::System, "there are no credentials for Google Cloud Storage").help(help));
    }
    let builder = builder.with_retry(once()).with_http_connector(Connector(Redirects::Refuse));
    builder.build().map(Store::of).map_err(|error| unusable(&error))
}

/// Where `gcloud` keeps a login, in the home folder.
const LOGGED_IN_TO_GOOGLE: &str = ".config/gcloud/application_default_credentials.json";

fn azure(container: &str, access: &Access) -> Result<Store, Fault> {
    use AzureConfigKey::{
        AccessKey, ClientSecret, FabricSessionToken, FederatedTokenFile, MsiEndpoint, SasKey, SkipSignature, Token,
        UseAzureCli, UseEmulator,
    };
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(container);
    if let Some(endpoint) = &access.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    if let Some(endpoint) = builder.get_config_value(&AzureConfigKey::Endpoint) {
        check_endpoint(&endpoint)?;
    }
    let has = |key| builder.get_config_value(&key).is_some_and(|value| !value.is_empty() && value != "false");
    let ways =
        [AccessKey, ClientSecret, FabricSessionToken, FederatedTokenFile, MsiEndpoint, SasKey, Token, UseAzureCli];
    if access.anonymous || has(SkipSignature) {
        builder = builder.with_skip_signature(true);
    } else if !ways.into_iter().any(has)
        && !has(UseEmulator)
        && !is_any_set(&["IDENTITY_ENDPOINT"])
        && !is_machine_of("Microsoft")
    {
        let help = "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; \
                    for a public container: access = { anonymous = true }";
        return Err(Fault::new(ErrorKind::System, "there are no credentials for Azure").help(help));
    }
    let options = ClientOptions::new().with_allow_http(true);
    let builder = builder.with_client_options(options).with_retry(once());
    let builder = builder.with_http_connector(Connector(Redirects::Refuse));
    builder.build().map(Store::of).map_err(|error| {
        let fault = unusable(&error);
        match std::env::var_os("AZURE_STORAGE_ACCOUNT_NAME") {
            None => fault.help("set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
            Some(_) => fault,
        }
    })
}

fn unusable(error: &object_store::Error) -> Fault {
    Fault::new(ErrorKind::System, super::fault::one_line(&error.to_string()))
}

/// Refuses an endpoint that is no address, has a secret in it, or would have everything sent in the clear over a network.
pub(super) fn check_endpoint(endpoint: &str) -> Result<(), Fault> {
    let wrong = |message: &str, help: &str| Err(Fault::new(ErrorKind::Spec, message).help(help));
    const EXAMPLE: &str = "endpoint = \"https://s3.example.com\"";
    let Some((scheme, rest)) = endpoint.split_once("://") else {
        return wrong("the endpoint is not an address", EXAMPLE);
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.contains('@') {
        return wrong("the endpoint has a user name or a password in it", "credentials are read from the environment");
    }
    let allowed = || std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    match scheme {
        "https" => Ok(()),
        "http" if is_loopback(host) || allowed() => Ok(()),
        "http" => wrong(
            "the endpoint is not encrypted, and is not on this machine: keys and data could be read on the way",
            "use `https://`; or, in a network that you trust, set AWS_ALLOW_HTTP=true",
        ),
        _ => wrong("the endpoint is not an address of a web server", EXAMPLE),
    }
}
