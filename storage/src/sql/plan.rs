//! How an engine would run a statement. Each engine reads its own plans; finding better ones is left to their readers.

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// How many steps it is part of.
    pub depth: usize,
    /// The engine's words.
    pub text: String,
}
