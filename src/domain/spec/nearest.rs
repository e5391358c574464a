//! The known word nearest to one that nobody knows: "did you mean".

/// The known word nearest to `word`, as a cure; empty when none is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let scored = known.into_iter().map(|one| (strsim::jaro_winkler(word, one), one));
    let best = scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(String::new(), |(_, one)| format!("did you mean `{one}`?"))
}
