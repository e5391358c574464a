//! The filters of the views as flags. A new filter in the table of columns is a new flag here.

use clap::{Arg, ArgMatches, Command, Error, FromArgMatches};

use crate::views::columns::filters;
use crate::views::query::MORE;

/// Name and value of every filter that was given.
pub(super) struct Asked(pub(super) Vec<(String, String)>);

fn names() -> impl Iterator<Item = (&'static str, String)> {
    let columns = filters().map(|(_, column)| {
        let words = column.form.words();
        let words = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
        (column.name, format!("{}{words}", column.about))
    });
    columns.chain(MORE.iter().map(|(name, _, about)| (*name, (*about).to_owned())))
}

impl clap::Args for Asked {
    fn augment_args(command: Command) -> Command {
        let arg = |(name, about): (&'static str, String)| Arg::new(name).long(name).value_name("VALUE").help(about);
        command.args(names().map(arg)).next_help_heading(None)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Asked::augment_args(command)
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Asked, Error> {
        let given = |(name, _): (&'static str, String)| {
            matches.get_one::<String>(name).map(|value| (name.to_owned(), value.clone()))
        };
        Ok(Asked(names().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Asked::from_arg_matches(matches)?;
        Ok(())
    }
}
