//! Errors of the API as JSON: what is wrong, where, and what cures it.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::lookup::Trouble;

/// The body of every answer that is not 200.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Wrong {
    /// What is wrong.
    pub(super) error: String,
    /// Where: a parameter, a header, the path.
    pub(super) place: String,
    /// What to do.
    pub(super) cure: String,
}

/// A status with its body.
pub(super) struct Failed(pub(super) StatusCode, pub(super) Wrong);

impl Failed {
    pub(super) fn new(status: StatusCode, place: &str, error: &str, cure: &str) -> Failed {
        Failed(status, Wrong { error: error.to_owned(), place: place.to_owned(), cure: cure.to_owned() })
    }
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Failed {
        match trouble {
            Trouble::Asked { place, what, cure } => Failed(StatusCode::BAD_REQUEST, Wrong { error: what, place, cure }),
            Trouble::NotFound(what) => {
                Failed::new(StatusCode::NOT_FOUND, "path", &what, "look it up with /api/v1/exchanges")
            }
            Trouble::Refused { what, cure } => Failed::new(StatusCode::CONFLICT, "visit", &what, cure),
            Trouble::NotNow(what) => {
                Failed::new(StatusCode::SERVICE_UNAVAILABLE, "gateway", &what, "try again, or look at /api/v1/views")
            }
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let asks_for_token = self.0 == StatusCode::UNAUTHORIZED;
        let mut response = (self.0, Json(self.1)).into_response();
        if asks_for_token {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
