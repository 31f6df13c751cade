//! Values of literals: numbers, units, addresses. The grammar takes anything that begins like a number as
//! one token, so that a wrong unit or a wrong address is one precise error here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::codes;
use crate::diagnostic::Code;
use crate::syntax_kind::SyntaxKind;

/// What a literal says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LiteralValue {
    /// `true`, `false`
    Bool(bool),
    /// `none`
    None,
    /// `42`
    Int(i64),
    /// `172.31.16.101`, `fd00::1`
    Ip(IpAddr),
    /// `10.0.0.0/16`; host bits are zero
    Cidr(IpNet),
    /// `20GiB`, in bytes
    Bytes(u64),
    /// `30s`, in milliseconds
    DurationMs(u64),
    /// `25%`
    Percent(u32),
}

impl LiteralValue {
    /// The kind of the token with this value.
    pub fn kind(&self) -> SyntaxKind {
        match self {
            LiteralValue::Bool(true) => SyntaxKind::TRUE_KW,
            LiteralValue::Bool(false) => SyntaxKind::FALSE_KW,
            LiteralValue::None => SyntaxKind::NONE_KW,
            LiteralValue::Int(_) => SyntaxKind::INT,
            LiteralValue::Ip(_) => SyntaxKind::IP,
            LiteralValue::Cidr(_) => SyntaxKind::CIDR,
            LiteralValue::Bytes(_) => SyntaxKind::BYTES,
            LiteralValue::DurationMs(_) => SyntaxKind::DURATION,
            LiteralValue::Percent(_) => SyntaxKind::PERCENT,
        }
    }
}

/// Why a text is no literal. The same reading serves the command line (`--set size=10GB`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiteralProblem {
    /// Stable code.
    pub code: Code,
    /// The cause.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The literal that was meant, and whether there is no doubt about it.
    pub instead: Option<(String, bool)>,
}

impl LiteralProblem {
    fn new(code: Code, message: String, help: impl Into<Option<String>>) -> LiteralProblem {
        LiteralProblem { code, message, help: help.into(), instead: None }
    }

    /// One with the literal that was meant, without a doubt.
    fn meant(code: Code, message: String, literal: String) -> LiteralProblem {
        let help = format!("write `{literal}`");
        LiteralProblem { instead: Some((literal, true)), ..LiteralProblem::new(code, message, help) }
    }
}

/// Units of bytes, the largest first, each with its size.
const BYTE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units of time with their length in milliseconds.
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// What people write for a unit, and the unit that they mean.
const MISTAKEN_UNITS: [(&str, &str); 36] = [
    ("k", "KiB"),
    ("kb", "KiB"),
    ("kib", "KiB"),
    ("ki", "KiB"),
    ("m", "MiB"),
    ("mb", "MiB"),
    ("mib", "MiB"),
    ("mi", "MiB"),
    ("g", "GiB"),
    ("gb", "GiB"),
    ("gib", "GiB"),
    ("gi", "GiB"),
    ("t", "TiB"),
    ("tb", "TiB"),
    ("tib", "TiB"),
    ("ti", "TiB"),
    ("b", "B"),
    ("byte", "B"),
    ("bytes", "B"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("mins", "min"),
    ("minute", "min"),
    ("minutes", "min"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("percent", "%"),
    ("pct", "%"),
];

/// Reads a literal that begins with a digit, or an IPv6 address.
pub fn read(text: &str) -> Result<LiteralValue, LiteralProblem> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if rest.is_empty() && digits > 0 {
        return match number.parse() {
            Ok(value) => Ok(LiteralValue::Int(value)),
            Err(_) => Err(out_of_range(text, "an int", "at most 9223372036854775807")),
        };
    }
    if text.contains(':') || rest.starts_with('.') || rest.starts_with('/') {
        return address(text);
    }
    if digits == 0 {
        return Err(LiteralProblem::new(codes::BAD_NUMBER, format!("`{text}` is no number"), None));
    }
    quantity(text, number, rest)
}

/// Reads a number with a unit.
fn quantity(text: &str, number: &str, unit: &str) -> Result<LiteralValue, LiteralProblem> {
    let amount: Option<u64> = number.parse().ok();
    if unit == "%" {
        let percent = amount.and_then(|amount| u32::try_from(amount).ok());
        return percent
            .map(LiteralValue::Percent)
            .ok_or_else(|| out_of_range(text, "a percentage", "at most 4294967295%"));
    }
    if let Some((_, size)) = BYTE_UNITS.iter().find(|(name, _)| *name == unit) {
        let bytes = amount.and_then(|amount| amount.checked_mul(*size)).filter(|bytes| i64::try_from(*bytes).is_ok());
        return bytes
            .map(LiteralValue::Bytes)
            .ok_or_else(|| out_of_range(text, "an amount of bytes", "less than 8388608TiB"));
    }
    if let Some((_, length)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) {
        let ms = amount.and_then(|amount| amount.checked_mul(*length)).filter(|ms| i64::try_from(*ms).is_ok());
        return ms
            .map(LiteralValue::DurationMs)
            .ok_or_else(|| out_of_range(text, "a duration", "at most 106751991167d"));
    }
    Err(bad_unit(text, number, unit))
}

/// What is wrong with the letters after a number.
fn bad_unit(text: &str, number: &str, unit: &str) -> LiteralProblem {
    let code = codes::BAD_NUMBER;
    if unit.contains('_') && unit.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit()) {
        let plain: String = text.chars().filter(|c| *c != '_').collect();
        return LiteralProblem::meant(code, format!("`{text}` has `_` between its digits"), plain);
    }
    if number == "0" && unit.starts_with(['x', 'b', 'o']) && unit.len() > 1 {
        return LiteralProblem::new(code, format!("`{text}` is not decimal"), "numbers are decimal only".to_owned());
    }
    if unit == "m" {
        let help = format!("for minutes write `{number}min`, for bytes `{number}MiB`");
        return LiteralProblem::new(code, format!("`{text}`: `m` could be minutes or megabytes"), help);
    }
    if let Some((whole, sum)) = duration_of_parts(text) {
        let mut problem =
            LiteralProblem::meant(code, format!("`{text}`: a duration is one number with its unit"), whole);
        problem.help = problem.help.map(|help| format!("{help}, or the sum `{sum}`"));
        return problem;
    }
    let lower = unit.to_ascii_lowercase();
    let meant = MISTAKEN_UNITS
        .iter()
        .find(|(wrong, _)| *wrong == lower)
        .map(|(_, right)| *right)
        .or_else(|| DURATION_UNITS.iter().map(|(name, _)| *name).find(|name| *name == lower));
    let message = format!("`{text}`: there is no unit `{unit}`");
    match meant {
        Some(right) => {
            let mut problem = LiteralProblem::meant(code, message, format!("{number}{right}"));
            if right.ends_with("iB") {
                problem.help = problem.help.map(|help| format!("{help} (units of bytes are B, KiB, MiB, GiB, TiB)"));
            }
            problem
        }
        None => {
            let help = "units are B KiB MiB GiB TiB for bytes, ms s min h d for durations, and %; a name does not begin with a digit";
            LiteralProblem::new(code, message, help.to_owned())
        }
    }
}

/// What durations such as `1h30m` mean: in one unit, and as a sum. None where it is not of at least two parts, each smaller
/// than the one before.
fn duration_of_parts(text: &str) -> Option<(String, String)> {
    let mut total: u64 = 0;
    let mut parts: Vec<String> = Vec::new();
    let mut before = usize::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], rest[digits..digits + letters].to_ascii_lowercase());
        rest = &rest[digits + letters..];
        let right = match unit.as_str() {
            // Beside hours or seconds it is no megabyte.
            "m" => "min",
            other => MISTAKEN_UNITS.iter().find(|(wrong, _)| *wrong == other).map_or(other, |(_, right)| right),
        };
        let index = DURATION_UNITS.iter().position(|(name, _)| *name == right)?;
        if before != usize::MAX && index <= before {
            return None;
        }
        before = index;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(DURATION_UNITS[index].1)?)?;
        parts.push(format!("{number}{right}"));
    }
    if parts.len() < 2 || i64::try_from(total).is_err() {
        return None;
    }
    let (name, length) = DURATION_UNITS.iter().find(|(_, length)| total.is_multiple_of(*length))?;
    Some((format!("{}{name}", total / length), parts.join(" + ")))
}

/// A number that does not fit.
fn out_of_range(text: &str, what: &str, limit: &str) -> LiteralProblem {
    LiteralProblem::new(codes::NUMBER_RANGE, format!("`{text}` is too large for {what}: {limit}"), None)
}

/// Reads an address or a network.
fn address(text: &str) -> Result<LiteralValue, LiteralProblem> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let ip = match address.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) => return Err(bad_address(text, address, prefix)),
    };
    let Some(prefix) = prefix else { return Ok(LiteralValue::Ip(ip)) };
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let digits = !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let length = prefix.parse::<u8>().ok().filter(|length| digits && *length <= longest);
    let Some(length) = length else {
        let message = format!("`{text}`: `/{prefix}` is no length of a network: /0 to /{longest}");
        return Err(LiteralProblem::new(codes::BAD_ADDRESS, message, None));
    };
    let net = match ip {
        IpAddr::V4(ip) => Ipv4Net::new(ip, length).map(IpNet::V4),
        IpAddr::V6(ip) => Ipv6Net::new(ip, length).map(IpNet::V6),
    };
    let Ok(net) = net else {
        return Err(LiteralProblem::new(codes::BAD_ADDRESS, format!("`{text}` is no network"), None));
    };
    if net.trunc() == net {
        return Ok(LiteralValue::Cidr(net));
    }
    let message = format!("`{text}` is an address inside a network, not a network: it has host bits set");
    let help = format!("the network is `{}`; the address alone is `{address}`", net.trunc());
    let instead = Some((net.trunc().to_string(), false));
    Err(LiteralProblem { instead, ..LiteralProblem::new(codes::HOST_BITS, message, help) })
}

/// Why a text is no address.
fn bad_address(text: &str, address: &str, prefix: Option<&str>) -> LiteralProblem {
    let code = codes::BAD_ADDRESS;
    if let Some((host, port)) = address.split_once(':')
        && host.parse::<Ipv4Addr>().is_ok()
    {
        let help = format!("write the address `{host}` and the port `{port}` as two values");
        return LiteralProblem::new(code, format!("`{text}`: an address has no port"), help);
    }
    if address.contains(':') {
        return bad_ipv6(text, address);
    }
    let parts: Vec<&str> = address.split('.').collect();
    if parts.len() == 1 && prefix.is_some() {
        let help = match prefix {
            Some(divisor) if !divisor.is_empty() => format!("to divide write `{address}.div({divisor})`"),
            _ => "a network is written like `10.0.0.0/16`".to_owned(),
        };
        return LiteralProblem::new(code, format!("`{text}` is no network"), help);
    }
    if parts.len() == 2 && prefix.is_none() {
        return fraction(text, parts[0], parts[1]);
    }
    for part in &parts {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("`{text}` is no address: `{part}` is no number from 0 to 255");
            return LiteralProblem::new(code, message, None);
        }
        if part.len() > 1 && part.starts_with('0') {
            let message =
                format!("`{text}` is no address: `{part}` begins with a zero, which some programs read as octal");
            let plain: Vec<&str> = parts.iter().map(|part| strip_zeros(part)).collect();
            return LiteralProblem::new(code, message, format!("write `{}`", plain.join(".")));
        }
        if part.parse::<u8>().is_err() {
            let message = format!("`{text}` is no address: {part} is more than 255");
            return LiteralProblem::new(code, message, None);
        }
    }
    let message = format!("`{text}` is no address: it has {} numbers instead of 4", parts.len());
    LiteralProblem::new(code, message, "an address is written like `172.31.16.101`".to_owned())
}

/// Why a text with `:` is no address.
fn bad_ipv6(text: &str, address: &str) -> LiteralProblem {
    let code = codes::BAD_ADDRESS;
    if address.matches("::").count() > 1 || address.contains(":::") {
        let message = format!("`{text}` is no IPv6 address: `::` stands in it more than once");
        return LiteralProblem::new(code, message, None);
    }
    let long = address.split(':').find(|part| part.len() > 4 && !part.contains('.'));
    if let Some(part) = long {
        let message = format!("`{text}` is no IPv6 address: `{part}` has more than four digits");
        return LiteralProblem::new(code, message, None);
    }
    let message = format!("`{text}` is no IPv6 address");
    let help = format!("it is written like `{}` or `fd00::/8`", Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
    LiteralProblem::new(code, message, help)
}

/// There are no fractions; a quantity has a smaller unit.
fn fraction(text: &str, whole: &str, rest: &str) -> LiteralProblem {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (decimals, unit) = rest.split_at(digits);
    let message = format!("`{text}`: there are no fractions");
    match smaller_unit(whole, decimals, unit) {
        Some(literal) => LiteralProblem::meant(codes::BAD_NUMBER, message, literal),
        None => LiteralProblem::new(codes::BAD_NUMBER, message, "write a whole number".to_owned()),
    }
}

/// The same quantity in a smaller unit, where it is whole there: `1.5GiB` is `1536MiB`.
fn smaller_unit(whole: &str, decimals: &str, unit: &str) -> Option<String> {
    let scale = 10u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let whole: u64 = whole.parse().ok()?;
    let decimals: u64 = decimals.parse().ok()?;
    for units in [BYTE_UNITS, DURATION_UNITS] {
        let Some(index) = units.iter().position(|(name, _)| *name == unit) else { continue };
        let size = units[index].1;
        let total = whole.checked_mul(size)?.checked_add(decimals.checked_mul(size)?.checked_div(scale)?)?;
        if decimals.checked_mul(size)? % scale != 0 {
            return None;
        }
        let (name, smaller) = units.iter().skip(index + 1).find(|(_, smaller)| total % smaller == 0)?;
        return Some(format!("{}{name}", total / smaller));
    }
    None
}

/// A number without the zeros before it.
fn strip_zeros(part: &str) -> &str {
    match part.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(text: &str) -> String {
        let problem = read(text).expect_err(text);
        format!("{}: {}", problem.message, problem.help.unwrap_or_default())
    }

    #[test]
    fn values() {
        assert_eq!(read("42"), Ok(LiteralValue::Int(42)));
        assert_eq!(read("20GiB"), Ok(LiteralValue::Bytes(20 << 30)));
        assert_eq!(read("0B"), Ok(LiteralValue::Bytes(0)));
        assert_eq!(read("250ms"), Ok(LiteralValue::DurationMs(250)));
        assert_eq!(read("2d"), Ok(LiteralValue::DurationMs(172_800_000)));
        assert_eq!(read("25%"), Ok(LiteralValue::Percent(25)));
        assert_eq!(read("fd00::1"), Ok(LiteralValue::Ip("fd00::1".parse().unwrap())));
        assert_eq!(read("fd00::/8"), Ok(LiteralValue::Cidr("fd00::/8".parse().unwrap())));
        assert_eq!(read("10.0.0.0/16"), Ok(LiteralValue::Cidr("10.0.0.0/16".parse().unwrap())));
    }

    #[test]
    fn mistakes_name_what_is_meant() {
        assert!(help("10GB").contains("write `10GiB`"));
        assert!(help("10gib").contains("write `10GiB`"));
        assert!(help("5m").contains("`5min`"));
        assert!(help("30sec").contains("write `30s`"));
        assert!(help("1h30min").contains("write `90min`, or the sum `1h + 30min`"));
        assert!(help("1h30m").contains("write `90min`, or the sum `1h + 30min`"));
        assert!(help("1d12H0min").contains("write `36h`, or the sum `1d + 12h + 0min`"));
        assert!(help("2min30sec").contains("write `150s`"));
        assert!(help("30min1h").contains("there is no unit"));
        assert!(help("1h30GiB").contains("there is no unit"));
        assert!(help("1h99999999999999999999min").contains("there is no unit"));
        assert!(help("1.5GiB").contains("write `1536MiB`"));
        assert!(help("1.5h").contains("write `90min`"));
        assert!(help("1_000").contains("write `1000`"));
        assert!(help("1.2.3.400").contains("400 is more than 255"));
        assert!(help("1.2.3").contains("3 numbers instead of 4"));
        assert!(help("10.0.0.01").contains("write `10.0.0.1`"));
        assert!(help("10.0.0.1/16").contains("the network is `10.0.0.0/16`"));
        assert!(help("10.0.0.0/33").contains("/0 to /32"));
        assert!(help("10.0.0.1:22").contains("has no port"));
        assert!(help("6/2").contains("6.div(2)"));
        assert!(help("fd00::1::2").contains("more than once"));
        assert!(help("9223372036854775808").contains("too large"));
        assert!(help("9999999TiB").contains("too large"));
    }
}
