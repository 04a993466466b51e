//! The committed object: it is made of the committed source, and lays memory out as we do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use sha1::{Digest, Sha1};

use crate::datapath::offload::layout::{Count, EntryCell, Ports, Reasons, RingDevices};
use crate::datapath::offload::object;

/// What `build.sh` compiles, in the order in which it sums them up.
const SOURCES: [&str; 4] = ["build.sh", "forward.c", "kernel.h", "layout.h"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/datapath/bpf")
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(
        bytes[at..at + 2].try_into().expect("two bytes"),
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

fn name_at(bytes: &[u8], at: usize) -> &str {
    let end = bytes[at..]
        .iter()
        .position(|byte| *byte == 0)
        .expect("a terminated name");
    std::str::from_utf8(&bytes[at..at + end]).expect("a name")
}

/// A section of an ELF64 file.
fn section<'a>(elf: &'a [u8], name: &str) -> &'a [u8] {
    let (table, size, count, names) = (u32_at(elf, 40), u16_at(elf, 58), u16_at(elf, 60), u16_at(elf, 62));
    let header = |n: usize| &elf[table + n * size..][..size];
    let body = |n: usize| &elf[u32_at(header(n), 24)..][..u32_at(header(n), 32)];
    let found = (0..count).find(|n| name_at(body(names), u32_at(header(*n), 0)) == name);
    body(found.unwrap_or_else(|| panic!("no section {name}")))
}

/// Members of a structure by BTF, the kernel's type information: name and where it begins. And its size.
fn structure(btf: &[u8], wanted: &str) -> (Vec<(String, usize)>, usize) {
    let header = u32_at(btf, 4);
    let (types, types_len, names) = (header + u32_at(btf, 8), u32_at(btf, 12), header + u32_at(btf, 16));
    let mut at = types;
    while at < types + types_len {
        let (name, info, size) = (
            name_at(btf, names + u32_at(btf, at)),
            u32_at(btf, at + 4),
            u32_at(btf, at + 8),
        );
        let (kind, members) = (info >> 24 & 0x1f, info & 0xffff);
        at += 12;
        if kind == 4 && name == wanted {
            let member = |n| name_at(btf, names + u32_at(btf, at + n * 12)).to_owned();
            let begins = |n| u32_at(btf, at + n * 12 + 8) / 8;
            return ((0..members).map(|n| (member(n), begins(n))).collect(), size);
        }
        at += match kind {
            1 | 14 | 17 => 4,           // integers, variables, tags of declarations
            3 => 12,                    // arrays
            4 | 5 | 15 => members * 12, // structures, unions, sections
            6 | 13 => members * 8,      // enumerations, parameters
            19 => members * 12,         // wide enumerations
            _ => 0,
        };
    }
    panic!("no structure {wanted}")
}

#[test]
fn memory_is_laid_out_as_the_program_sees_it() {
    let btf = section(object(), ".BTF");
    for (name, fields, size) in [
        ("ports", Ports::FIELDS, size_of::<Ports>()),
        ("entry", EntryCell::FIELDS, size_of::<EntryCell>()),
        ("count", Count::FIELDS, size_of::<Count>()),
        ("reasons", Reasons::FIELDS, size_of::<Reasons>()),
        ("ring_devices", RingDevices::FIELDS, size_of::<RingDevices>()),
    ] {
        let ours: Vec<(String, usize)> = fields
            .iter()
            .map(|(name, at, _)| ((*name).to_owned(), *at))
            .collect();
        assert_eq!((ours, size), structure(btf, name), "{name}");
        // Nothing between the fields: their number and order could agree all the same.
        assert_eq!(
            fields.iter().map(|(_, _, len)| len).sum::<usize>(),
            size,
            "{name}"
        );
    }
}

#[test]
fn the_object_is_made_of_the_source() {
    let mut sum = Sha1::new();
    SOURCES
        .iter()
        .for_each(|name| sum.update(fs::read(folder().join(name)).expect("a source")));
    let sum = sum.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let recorded = fs::read_to_string(folder().join("forward.sum")).expect("forward.sum");
    let mut lines = recorded.lines();
    assert_eq!(
        lines.next(),
        Some(sum.as_str()),
        "src/datapath/bpf/build.sh was not run after a change"
    );
    let compiler = lines.next().expect("the compiler");
    if !have(compiler) {
        return;
    }
    let file = std::env::temp_dir().join(format!("patchbay-forward-{}.o", std::process::id()));
    let built = Command::new(folder().join("build.sh"))
        .arg(&file)
        .output()
        .expect("bash");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let fresh = fs::read(&file).expect("an object");
    let _ = fs::remove_file(&file);
    for name in ["xdp", "classifier", ".maps", ".rodata"] {
        assert!(
            section(object(), name) == section(&fresh, name),
            "{name} is not what the source gives"
        );
    }
}

/// Whether this compiler is here; another version may compile the same in other words.
fn have(compiler: &str) -> bool {
    let version = Command::new("clang").arg("--version").output();
    let version = version
        .map(|out| String::from_utf8_lossy(&out.stdout).into_owned())
        .unwrap_or_default();
    let wanted = compiler.replace("clang ", "clang version ");
    let here = version.contains(&format!("{wanted}."));
    if !here {
        let text = format!("SKIPPED, this test needs {compiler}");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
        let _ = io::Write::write_all(&mut io::stderr(), format!("{text}\n").as_bytes());
    }
    here
}
