//! The shape of a tree without its text: which nodes there are, and how long each token is. A text whose outline is at hand need
//! not be parsed: its tree is made again from both. The standard library comes with its outlines, since each check reads it.
//!
//! Numbers follow in the order of the text: 0 ends the node that is open; another is twice a kind plus 1 for a node and plus 2 for
//! a token, behind which stands how many bytes the token has. They are written in groups of seven bits, the lowest first (LEB128).

use rowan::{GreenNodeBuilder, WalkEvent};

use crate::parse::Parse;
use crate::syntax_kind::{SyntaxElement, SyntaxKind};
use crate::tree_builder::MAX_HEIGHT;

/// Ends the node that is open.
const END: u32 = 0;

/// Nodes that may be open at once: more than the tree of any right text has, and what frees a tree recurses that deep.
const MAX_OPEN: usize = 2 * MAX_HEIGHT as usize;

/// Bits of a group; the eighth of a byte says that more follow.
const GROUP_BITS: u32 = 7;
const MORE: u8 = 1 << GROUP_BITS;

/// Writes the shape of the tree of a text without errors. Of others there is none: it would not hold the errors.
pub fn outline(parsed: &Parse) -> Option<Vec<u8>> {
    if parsed.has_errors() {
        return None;
    }
    let mut bytes = Vec::new();
    for event in parsed.syntax().preorder_with_tokens() {
        match event {
            WalkEvent::Enter(SyntaxElement::Node(node)) => write(u32::from(node.kind() as u16) * 2 + 1, &mut bytes),
            WalkEvent::Enter(SyntaxElement::Token(token)) => {
                write(u32::from(token.kind() as u16) * 2 + 2, &mut bytes);
                write(token.text_range().len().into(), &mut bytes);
            }
            WalkEvent::Leave(SyntaxElement::Node(_)) => write(END, &mut bytes),
            WalkEvent::Leave(SyntaxElement::Token(_)) => {}
        }
    }
    Some(bytes)
}

/// The tree of a text by its shape. None if the outline is that of another text, or none at all.
pub fn parse_by_outline(text: &str, outline: &[u8]) -> Option<Parse> {
    let mut builder = GreenNodeBuilder::new();
    let (mut numbers, mut rest) = (outline, text);
    let mut open = 0_usize;
    loop {
        let number = read(&mut numbers)?;
        if number == END {
            open = open.checked_sub(1)?;
            builder.finish_node();
            if open == 0 {
                break;
            }
            continue;
        }
        let kind = SyntaxKind::from_number((number - 1) / 2)?;
        let is_node = number % 2 == 1;
        if open == 0 && !(is_node && kind == SyntaxKind::FILE) {
            return None;
        }
        if is_node && open < MAX_OPEN {
            builder.start_node(kind.into());
            open += 1;
        } else if !is_node {
            let bytes = usize::try_from(read(&mut numbers)?).ok()?;
            let (token, after) = rest.split_at_checked(bytes)?;
            builder.token(kind.into(), token);
            rest = after;
        } else {
            return None;
        }
    }
    (rest.is_empty() && numbers.is_empty()).then(|| Parse::without_errors(builder.finish()))
}

fn write(mut number: u32, bytes: &mut Vec<u8>) {
    loop {
        // The low bits; the rest is in what follows.
        let [low, ..] = number.to_le_bytes();
        number >>= GROUP_BITS;
        if number == 0 {
            bytes.push(low & !MORE);
            return;
        }
        bytes.push(low | MORE);
    }
}

fn read(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    let mut shift = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & !MORE).checked_shl(shift)?;
        if byte & MORE == 0 {
            return Some(number);
        }
        shift += GROUP_BITS;
    }
}
