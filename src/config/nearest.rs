//! The known name nearest to one that is not known, for "did you mean". Never guesses far: a wrong suggestion costs
//! more than none.

/// The candidate that `name` most likely meant, where one is near enough.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let reach = (letters / 4).clamp(1, 4);
    candidates
        // Each letter more is an edit: a key of a megabyte is not compared letter by letter.
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= reach)
        // Two neighbours that are swapped are one edit, and case is none.
        .map(|candidate| (strsim::osa_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_near_and_nothing_far() {
        let known = ["kafka.workers", "kafka.group_id", "log.level"];
        for name in ["kafka.wokers", "kafka.wrokesr", "Kafka.Workers"] {
            assert_eq!(nearest(name, known.into_iter()), Some("kafka.workers"));
        }
        assert_eq!(nearest("quite.something", known.into_iter()), None);
    }

    #[test]
    fn a_key_of_many_megabytes_is_compared_with_no_other() {
        assert_eq!(nearest(&"x".repeat(50_000_000), ["kafka.workers"].into_iter()), None);
    }
}
