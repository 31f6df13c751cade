//! Whatever the text is, the compiler ends with an answer.
