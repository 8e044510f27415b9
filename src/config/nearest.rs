//! The known name nearest to one that is not known, for "did you mean". Never guesses far: a wrong suggestion costs
//! more than none.

/// The candidate that `name` most likely meant, where one is near enough.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let reach = (letters / 4).clamp(1, 4);
    candidates
        // Each letter more is an edit: a key of a megabyte is not compared letter by letter.
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= reach)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap neighbours) that turn `left` into `right`, without regard to case.
fn distance(left: &str, right: &str) -> usize {
    strsim::osa_distance(&left.to_lowercase(), &right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_swap_of_neighbours_as_one_edit() {
        assert_eq!(distance("wokrers", "workers"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("Format", "format"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_the_near_and_nothing_far() {
        let known = ["kafka.workers", "kafka.group_id", "log.level"];
        assert_eq!(nearest("kafka.wokers", known.into_iter()), Some("kafka.workers"));
        assert_eq!(nearest("quite.something", known.into_iter()), None);
    }

    #[test]
    fn a_key_of_many_megabytes_is_compared_with_no_other() {
        assert_eq!(nearest(&"x".repeat(50_000_000), ["kafka.workers"].into_iter()), None);
    }
}
