//! Text from outside in a page: it stays text.

/// The text with what HTML would read as markup written as references; good between tags and in quoted values.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_came_from_outside_cannot_act() {
        assert_eq!(super::escaped("<script a=\"1\">&"), "&lt;script a=&quot;1&quot;&gt;&amp;");
    }
}
