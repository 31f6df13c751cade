//! Sources, grammar, lossless tree, AST, diagnostics and formatter of the Kit language.
