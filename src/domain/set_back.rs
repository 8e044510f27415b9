//! How far an operator sets a unit's time back. Reads no clock.

use super::Micros;

/// Time is to be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack {
    /// To here, and not further.
    pub to: Micros,
    /// By so much at most: what has passed since then stays passed. None: as far as `to`.
    pub by: Option<Micros>,
}

impl SetBack {
    /// By how much time goes back that stands at `now`; none where it is not past `to`.
    #[must_use]
    pub fn of(self, now: Micros) -> Option<Micros> {
        let over = now.minus(self.to);
        (now > self.to).then(|| self.by.map_or(over, |by| by.min(over)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_back_by_what_was_wrong_and_keeps_what_has_passed_since() {
        let back = |by, now| SetBack { to: Micros(100), by }.of(Micros(now));
        assert_eq!(back(Some(Micros(900)), 1_000), Some(Micros(900)));
        assert_eq!(back(Some(Micros(900)), 1_007), Some(Micros(900)));
        assert_eq!(back(Some(Micros(900)), 130), Some(Micros(30)));
        assert_eq!(back(None, 1_007), Some(Micros(907)));
        assert_eq!(back(None, 100), None);
        assert_eq!(back(Some(Micros(900)), 99), None);
    }
}
