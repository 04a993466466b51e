//! Reading the hexadecimal text of published test vectors.

/// The bytes that `text` spells; blanks are left out.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("a hexadecimal digit")).expect("four bits"))
        .collect();
    digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect()
}
