//! Numbers that a case is made of. All choices are taken from them in order, and the simplest choice is always the
//! first, so that proptest shrinks statements by shrinking numbers.

/// The numbers of one statement.
pub(super) struct Dice<'n> {
    numbers: std::slice::Iter<'n, u32>,
}

impl<'n> Dice<'n> {
    pub(super) fn new(numbers: &'n [u32]) -> Self {
        Self {
            numbers: numbers.iter(),
        }
    }

    /// A number below `count`; 0 when the numbers are used up.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.numbers
            .next()
            .map_or(0, |number| *number as usize % count)
    }

    pub(super) fn one_of<'c, T: ?Sized>(&mut self, choices: &[&'c T]) -> &'c T {
        choices[self.below(choices.len())]
    }

    /// True once in `count` times.
    pub(super) fn rarely(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }
}
