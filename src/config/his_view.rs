//! Checks the view of the HIS's database that ledgers are read from.

use super::check::Checker;
use crate::keys::source::is_place;
use crate::reconcile::his::view::Kind;
use crate::reconcile::his::view::settings::Tls;

impl Checker<'_> {
    pub(super) fn his_view(&mut self) {
        let view = &self.settings.his_view;
        match view.kind {
            Kind::Off => return,
            Kind::SqlServer => {
                let what = "`his_view.kind` = \"sqlserver\": this build does not speak to SQL Server";
                let cure = "export the rows as CSV (bcp, sqlcmd) and import the file, or let the HIS push it; 请由 SQL Server 定时导出 CSV 再导入";
                return self.wrong(&["his_view.kind"], what, cure);
            }
            Kind::PostgreSql | Kind::MySql => {}
        }
        if view.host_port().is_none() {
            let what = format!("`his_view.address` = \"{}\" is no address", view.address);
            self.wrong(&["his_view.address"], what, "write HOST:PORT, for example 10.1.1.5:5432");
        }
        for (key, value) in [("his_view.database", &view.database), ("his_view.user", &view.user)] {
            if value.is_empty() {
                self.wrong(&[key, "his_view.kind"], format!("`{key}` is empty"), "name it, or say kind = \"off\"");
            }
        }
        if !is_place(&view.password_file) {
            // It may be the password itself, so it is not shown.
            let what = "`his_view.password_file` is neither an absolute path nor credential:NAME";
            self.wrong(&["his_view.password_file", "his_view.kind"], what, "write its path; never the password itself");
        }
        if !view.ca.as_os_str().is_empty() && !view.ca.is_absolute() {
            let what = format!("`his_view.ca` = \"{}\" is no absolute path", view.ca.display());
            self.wrong(&["his_view.ca"], what, "write the whole path of the PEM file");
        }
        if let Some(wrong) = view.wrong_query() {
            let cure = "for example: select * from v_medgate where setl_date = '{date}' order by setl_id";
            self.wrong(&["his_view.query", "his_view.kind"], format!("`his_view.query` {wrong}"), cure);
        }
        if !view.at.is_empty() && view.minute().is_none() {
            let what = format!("`his_view.at` = \"{}\" is no time of day", view.at);
            self.wrong(&["his_view.at"], what, "write HH:MM, for example 06:30");
        }
        if view.read_seconds < view.connect_seconds {
            let what =
                format!("`read_seconds` {} is below `connect_seconds` {}", view.read_seconds, view.connect_seconds);
            self.wrong(
                &["his_view.read_seconds", "his_view.connect_seconds"],
                what,
                "a reading includes the connecting",
            );
        }
        let here = view.host_port().is_some_and(|(host, _)| ["localhost", "127.0.0.1", "::1"].contains(&host));
        if view.tls == Tls::Off && !here {
            let what = "persons' data travels in clear from the HIS's database (`his_view.tls` = \"off\")";
            self.remark(&["his_view.tls"], what, "let the database speak TLS, and say tls = \"required\"");
        }
    }
}
