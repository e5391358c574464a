//! The OpenAPI document: calls from the table of the API, parameters from the table of columns, shapes from the types.

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required,
    ResponseBuilder, Schema, SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

use super::answer::Wrong;
use super::api::{Asks, CALLS, Call, Look, Noted, Unknowns};
use super::cases::{Decision, Lift, Preview};
use super::erasure::{Erase, Erased};
use super::insight::Status;
use super::ledgers::{Imported, Reconciled, Submitted, Sums, day_parameters, file_parameters, view_parameters};
use super::lookup::{Cases, Described, Exchanges, Parameter, Totals, ViewsState};
use super::refused::RefusedCall;
use super::retention::{Keep, Kept};

const SCHEME: &str = "token";

/// The document of every call.
pub(super) fn document(described: &Described) -> OpenApi {
    let mut paths = PathsBuilder::new();
    for call in CALLS {
        let operation = operation(call, described);
        paths = paths.path(format!("/api/v1{}", call.path), PathItem::new(call.method.clone(), operation));
    }
    let about = "Every call carries the token of DATA/admin.token; the token of DATA/admin-clear.token may also see \
                 personal data. Each look at one exchange is journaled. What is decided about a case needs the token of a person.";
    let info = InfoBuilder::new().title("medgate").version(env!("CARGO_PKG_VERSION")).description(Some(about));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components(described).build()))
        .security(Some([SecurityRequirement::new(SCHEME, Vec::<String>::new())]))
        .build()
}

fn components(described: &Described) -> ComponentsBuilder {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let mut shapes: Vec<(String, RefOr<Schema>)> = Vec::new();
    add::<Status>(&mut shapes);
    add::<Unknowns>(&mut shapes);
    add::<Exchanges>(&mut shapes);
    add::<Totals>(&mut shapes);
    add::<Cases>(&mut shapes);
    add::<RefusedCall>(&mut shapes);
    add::<ViewsState>(&mut shapes);
    add::<Look>(&mut shapes);
    add::<Noted>(&mut shapes);
    add::<Erase>(&mut shapes);
    add::<Erased>(&mut shapes);
    add::<Lift>(&mut shapes);
    add::<Decision>(&mut shapes);
    add::<Preview>(&mut shapes);
    add::<Keep>(&mut shapes);
    add::<Kept>(&mut shapes);
    add::<Sums>(&mut shapes);
    add::<Imported>(&mut shapes);
    add::<Reconciled>(&mut shapes);
    add::<Submitted>(&mut shapes);
    add::<Wrong>(&mut shapes);
    shapes.push(("Document".to_owned(), ObjectBuilder::new().description(Some("OpenAPI 3.1")).into()));
    shapes.extend(described.shapes.iter().cloned());
    ComponentsBuilder::new().schemas_from_iter(shapes).security_scheme(SCHEME, SecurityScheme::Http(scheme))
}

fn add<T: ToSchema + PartialSchema>(shapes: &mut Vec<(String, RefOr<Schema>)>) {
    shapes.push((T::name().into_owned(), T::schema()));
    T::schemas(shapes);
}

fn operation(call: &Call, described: &Described) -> utoipa::openapi::path::Operation {
    let shape = match call.answers {
        "" if call.path.starts_with("/cases") => described.case,
        "" => described.exchange,
        shape => shape,
    };
    let content = |shape: &str| ContentBuilder::new().schema(Some(Ref::from_schema_name(shape))).build();
    let good = ResponseBuilder::new().description("the answer").content("application/json", content(shape));
    let bad = ResponseBuilder::new().description("what is wrong, where, and the cure");
    let mut operation = OperationBuilder::new()
        .summary(Some(call.about))
        .response("200", good.build())
        .response("default", bad.content("application/json", content("Wrong")).build());
    for (name, about) in PATH_PARAMETERS.iter().filter(|(name, _)| call.path.contains(&format!("{{{name}}}"))) {
        operation = operation.parameter(path_parameter(name, about));
    }
    let reveal =
        [Parameter { name: "reveal", about: "personal data in clear".to_owned(), words: vec!["true", "false"] }];
    let (days, file, view) = (day_parameters(), file_parameters(), view_parameters());
    let parameters = match call.asks {
        Asks::Days => &days[..],
        Asks::File => &file[..],
        Asks::View => &view[..],
        Asks::Exchanges => &described.exchanges[..],
        Asks::Totals => &described.totals[..],
        Asks::Cases => &described.cases[..],
        Asks::Reveal => &reveal[..],
        Asks::Nothing | Asks::Look | Asks::Erase | Asks::Lift | Asks::Decide | Asks::Keep => &[],
    };
    for parameter in parameters {
        operation = operation.parameter(query_parameter(parameter));
    }
    let body = match call.asks {
        Asks::Look => Some("Look"),
        Asks::Erase => Some("Erase"),
        Asks::Lift => Some("Lift"),
        Asks::Decide => Some("Decision"),
        Asks::Keep => Some("Keep"),
        _ => None,
    };
    if call.asks == Asks::File {
        let bytes = ObjectBuilder::new().schema_type(Type::String).content_media_type("application/octet-stream");
        let content = ContentBuilder::new().schema(Some(bytes.build())).build();
        let body =
            RequestBodyBuilder::new().content("application/octet-stream", content).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    if let Some(shape) = body {
        let body = RequestBodyBuilder::new().content("application/json", content(shape)).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    operation.build()
}

/// What stands in paths.
const PATH_PARAMETERS: [(&str, &str); 2] =
    [("id", "id of an exchange"), ("number", "the number that a refusal names (全部见编号…)")];

fn path_parameter(name: &str, about: &str) -> utoipa::openapi::path::Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let id = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    id.description(Some(about)).schema(Some(text)).build()
}

fn query_parameter(parameter: &Parameter) -> utoipa::openapi::path::Parameter {
    let words = Some(&parameter.words).filter(|words| !words.is_empty());
    let about = match words {
        Some(words) => format!("{}: {}", parameter.about, words.join(", ")),
        None => parameter.about.clone(),
    };
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let one = ParameterBuilder::new().name(parameter.name).parameter_in(ParameterIn::Query).required(Required::False);
    one.description(Some(about)).schema(Some(text)).build()
}
