//! Variables: `spin:variables` and `fermyon:spin/variables`.
