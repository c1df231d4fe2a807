//! Owns one order: from the account to the certificate. When one is placed is left to `keeper`.

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};

use super::directory::Directory;
use super::limits::ACME_STATUS_TIMEOUT;
use super::store::StoreError;
use crate::certificates::CertificateError;
use crate::http_client::ClientError;
use crate::settings::Acme;

/// The type of an authority's answer to an account that it does not know (RFC 8555 §6.7).
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The directory cannot be reached, refuses, or answers nonsense.
    #[error("{}{}", .0, advice(.0))]
    Directory(#[from] Error),
    /// The authority did not find this server under the name.
    #[error(
        "the authority could not check the name: {0}; port 443 of the name has to lead to this listener, or to that of another server with the same [tls.acme] and the same store"
    )]
    Unproven(String),
    /// The authority does not check names in the way that this server answers.
    #[error("the authority does not offer the challenge tls-alpn-01; choose another `directory`")]
    NoChallenge,
    /// The time was over.
    #[error("it took too long; the directory may be slow")]
    Late,
    /// Another server may order now.
    #[error("the lease was lost, because the store did not answer")]
    LeaseLost,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The certificate cannot be used.
    #[error("{}{}", .0, clock_advice(.0))]
    Useless(#[from] CertificateError),
}

/// What an operator can do about an error of the directory.
fn advice(error: &Error) -> &'static str {
    match error {
        Error::Other(cause) => match cause.downcast_ref() {
            Some(ClientError::TlsCertificateError) => {
                "; for a private authority, name its certificate in `directory_root`, and check the clock of this machine"
            }
            _ => "; check `directory` in [tls.acme], and whether this machine reaches it",
        },
        Error::Json(_) | Error::Str(_) => {
            "; is `directory` in [tls.acme] the directory of an authority?"
        }
        _ => "",
    }
}

/// The same about a certificate.
fn clock_advice(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired { .. } => "; is the clock of this machine right?",
        _ => "",
    }
}

/// An account with an authority, and whether it was just made.
pub(super) struct Known {
    account: Account,
    /// Its key and address, to be kept, if it is new.
    pub(super) made: Option<AccountCredentials>,
}

/// A certificate with its key, in PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Known {
    /// The account with these credentials, or a new one.
    pub(super) async fn open(
        acme: &Acme,
        directory: &Directory,
        credentials: Option<AccountCredentials>,
    ) -> Result<Self, Error> {
        let builder = Account::builder_with_http(Box::new(directory.clone()));
        if let Some(credentials) = credentials {
            let account = builder.from_credentials(credentials).await?;
            return Ok(Self {
                account,
                made: None,
            });
        }
        let new = NewAccount {
            contact: &[&acme.contact],
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let url = acme.directory.clone();
        let (account, credentials) = builder.create(&new, url, None).await?;
        Ok(Self {
            account,
            made: Some(credentials),
        })
    }

    /// Orders a certificate. `answer` has all servers answer the authority with a digest.
    pub(super) async fn order(
        &self,
        name: &str,
        answer: impl AsyncFn(&[u8]) -> Result<(), OrderError>,
    ) -> Result<Issued, OrderError> {
        let identifiers = [Identifier::Dns(name.to_owned())];
        let mut order = self.account.new_order(&NewOrder::new(&identifiers)).await?;
        prove(&mut order, answer).await?;
        let patience = RetryPolicy::new().timeout(ACME_STATUS_TIMEOUT);
        let status = order.poll_ready(&patience).await;
        match status {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => return Err(OrderError::Unproven(refusal(&mut order).await)),
            Err(Error::Api(problem)) => return Err(OrderError::Unproven(problem.to_string())),
            Err(error) => return Err(error.into()),
        }
        let key = order.finalize().await?;
        let certificate = order.poll_certificate(&patience).await?;
        Ok(Issued { certificate, key })
    }
}

/// Whether the authority does not know the account, such as one of a test server that was started again.
pub(super) fn is_forgotten(error: &OrderError) -> bool {
    matches!(error, OrderError::Directory(Error::Api(problem)) if problem.r#type.as_deref() == Some(NO_ACCOUNT))
}

/// Answers what the authority asks to check the name.
async fn prove(
    order: &mut Order,
    answer: impl AsyncFn(&[u8]) -> Result<(), OrderError>,
) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or(OrderError::NoChallenge)?;
        answer(challenge.key_authorization().digest().as_ref()).await?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Why an authority refused an order, in its words.
async fn refusal(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let mut errors = state.challenges.iter().filter_map(|of| of.error.as_ref());
        if let Some(error) = errors.next() {
            return error.to_string();
        }
    }
    "it gives no reason".to_owned()
}
