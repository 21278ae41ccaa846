//! An object file in memory that says what a piece of code is: an ELF file whose `.text` has the
//! address and the size of the code but not its bytes (a debugger reads the process), with a
//! symbol, and a DWARF line table from addresses to Wasm program counters.
//!
//! The addresses are final, so the file has no relocations.

use gimli::write::{
    Address, AttributeValue, DwarfUnit, EndianVec, LineProgram, LineString, Sections,
};
use gimli::{Encoding, Format, LineEncoding, LittleEndian, SectionId, constants as dw};
use object::Endianness;
use object::elf;
use object::write::elf::{FileHeader, SectionHeader, Sym, Writer};

use super::Published;

/// The file.
pub(super) fn write(p: &Published<'_>) -> Vec<u8> {
    // What cannot be written leaves the symbol, which is most of the use.
    let debug = debug_sections(p).unwrap_or_default();
    let label = p.label();
    let mut out = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut out);

    // First everything gets its place ...
    writer.reserve_file_header();
    let text_name = writer.add_section_name(b".text");
    let text = writer.reserve_section_index();
    let debug: Vec<_> = debug
        .iter()
        .map(|(id, bytes)| {
            let name = writer.add_section_name(id.name().as_bytes());
            writer.reserve_section_index();
            (name, writer.reserve(bytes.len(), 1), bytes)
        })
        .collect();
    let symbol_name = writer.add_string(label.as_bytes());
    writer.reserve_symbol_index(Some(text));
    writer.reserve_symtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab_section_index();
    writer.reserve_strtab();
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();

    // ... and then it is written, in the same order.
    let header = FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        // Symbols of an executable have addresses, not offsets in a section.
        e_type: elf::ET_EXEC,
        e_machine: elf::EM_X86_64,
        e_entry: 0,
        e_flags: 0,
    };
    if writer.write_file_header(&header).is_err() {
        // Only files with too many sections cannot have a header.
        return Vec::new();
    }
    for (_, _, bytes) in &debug {
        writer.write(bytes);
    }
    writer.write_null_symbol();
    writer.write_symbol(&Sym {
        name: Some(symbol_name),
        section: Some(text),
        st_info: (elf::STB_GLOBAL << 4) | elf::STT_FUNC,
        st_other: elf::STV_DEFAULT,
        st_shndx: 0,
        st_value: p.address(),
        st_size: p.size(),
    });
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_section_header(&SectionHeader {
        name: Some(text_name),
        sh_type: elf::SHT_NOBITS,
        sh_flags: u64::from(elf::SHF_ALLOC | elf::SHF_EXECINSTR),
        sh_addr: p.address(),
        sh_offset: 0,
        sh_size: p.size(),
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 1,
        sh_entsize: 0,
    });
    for (name, offset, bytes) in &debug {
        writer.write_section_header(&SectionHeader {
            name: Some(*name),
            sh_type: elf::SHT_PROGBITS,
            sh_flags: 0,
            sh_addr: 0,
            sh_offset: *offset as u64,
            sh_size: bytes.len() as u64,
            sh_link: 0,
            sh_info: 0,
            sh_addralign: 1,
            sh_entsize: 0,
        });
    }
    // Symbols before this one are local.
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    debug_assert_eq!(writer.reserved_len(), writer.len());
    out
}

/// The sections of debug information, none if there are no lines.
fn debug_sections(p: &Published<'_>) -> gimli::write::Result<Vec<(SectionId, Vec<u8>)>> {
    // Older debuggers do not know version 5, which has nothing that is needed here.
    let encoding = Encoding {
        format: Format::Dwarf32,
        version: 4,
        address_size: 8,
    };
    let Some((_, first_line)) = p.distinct_lines().next() else {
        return Ok(Vec::new());
    };
    let (label, file) = (p.label(), p.file());
    let text = |text: &str| AttributeValue::String(text.as_bytes().to_vec());
    let line_text = |text: &str| LineString::String(text.as_bytes().to_vec());

    let mut program = LineProgram::new(
        encoding,
        LineEncoding::default(),
        line_text("."),
        None,
        line_text(&file),
        None,
    );
    let directory = program.default_directory();
    let file_id = program.add_file(line_text(&file), directory, None);
    program.begin_sequence(Some(Address::Constant(p.address())));
    let mut row = |offset: u32, line: u32| {
        let row = program.row();
        row.address_offset = u64::from(offset);
        row.line = u64::from(line);
        row.file = file_id;
        program.generate_row();
    };
    // What comes before the first line belongs to it, so that every address has one.
    let mut lines = p.distinct_lines().peekable();
    if lines.peek().is_some_and(|&(offset, _)| offset > 0) {
        row(0, first_line);
    }
    for (offset, line) in lines {
        row(offset, line);
    }
    program.end_sequence(p.size());

    let mut dwarf = DwarfUnit::new(encoding);
    dwarf.unit.line_program = program;
    let range = [
        (
            dw::DW_AT_low_pc,
            AttributeValue::Address(Address::Constant(p.address())),
        ),
        (dw::DW_AT_high_pc, AttributeValue::Udata(p.size())),
    ];
    let root = dwarf.unit.root();
    let unit = dwarf.unit.get_mut(root);
    unit.set(dw::DW_AT_producer, text("probity"));
    // A language whose names are not taken apart.
    unit.set(
        dw::DW_AT_language,
        AttributeValue::Language(dw::DW_LANG_C99),
    );
    unit.set(dw::DW_AT_name, text(&file));
    for (name, value) in range.clone() {
        unit.set(name, value);
    }
    let function = dwarf.unit.add(root, dw::DW_TAG_subprogram);
    let function = dwarf.unit.get_mut(function);
    function.set(dw::DW_AT_name, text(&label));
    function.set(
        dw::DW_AT_decl_file,
        AttributeValue::FileIndex(Some(file_id)),
    );
    function.set(
        dw::DW_AT_decl_line,
        AttributeValue::Udata(u64::from(first_line)),
    );
    function.set(dw::DW_AT_external, AttributeValue::Flag(true));
    for (name, value) in range {
        function.set(name, value);
    }

    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections)?;
    let mut found = Vec::new();
    sections.for_each(|id, data| {
        if !data.slice().is_empty() {
            found.push((id, data.slice().to_vec()));
        }
        gimli::write::Result::Ok(())
    })?;
    Ok(found)
}
