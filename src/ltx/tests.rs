use super::checksum::Hasher;
use super::*;

/// A generator of bytes that is the same every run.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 33
    }

    /// A page, half of it text that compresses and half noise.
    fn page(&mut self, page_size: usize) -> Vec<u8> {
        let text = b"the same few words ".iter().cycle().take(page_size / 2).copied();
        let mut page: Vec<u8> = text.collect();
        page.extend(std::iter::repeat_with(|| self.next() as u8).take(page_size - page_size / 2));
        page
    }
}

fn header(page_size: u32, commit: u32, min: u64, max: u64) -> Header {
    Header {
        flags: NO_CHECKSUM,
        page_size,
        commit,
        min_txid: Txid(min),
        max_txid: Txid(max),
        timestamp_ms: 1000,
        ..Header::default()
    }
}

type Pages = Vec<(Pgno, Vec<u8>)>;

fn encode(header: &Header, pages: &[(Pgno, Vec<u8>)], encoding: PageEncoding) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), header.clone(), encoding).unwrap();
    for (pgno, page) in pages {
        encoder.page(*pgno, page).unwrap();
    }
    encoder.finish().unwrap().0
}

fn decode(bytes: &[u8]) -> Result<(Header, Pages, Trailer), Error> {
    let mut decoder = Decoder::new(bytes)?;
    let (mut pages, mut page) = (Vec::new(), Vec::new());
    while let Some(pgno) = decoder.next_page(&mut page)? {
        pages.push((pgno, page.clone()));
    }
    Ok((decoder.header().clone(), pages, decoder.finish()?))
}

fn filled(page_size: usize, fills: &[u8]) -> Pages {
    (1..).zip(fills.iter().map(|fill| vec![*fill; page_size])).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn crc_check_value() {
    let mut hasher = Hasher::new();
    hasher.update(b"123456789");
    assert_eq!(hasher.finish(), 0xb909_56c7_75a4_1001);
}

#[test]
fn rolling_checksums() {
    let cases: [(usize, &[u8], u64); 4] = [
        (512, &[1, 2, 3], 0xefff_ffff_ecd9_9000),
        (512, b"1", 0xeb1a_9992_3104_4ddd),
        (1024, b"23", 0xe189_9b6d_587a_aaaa),
        (1024, &[0x81, 0x82, 0x83], 0x8a24_9272_ad9f_7dea),
    ];
    for (page_size, fills, expected) in cases {
        let mut rolling = Rolling::default();
        for (pgno, page) in filled(page_size, fills) {
            rolling.toggle(page_checksum(pgno, &page));
        }
        assert_eq!(rolling.value(), expected, "{page_size} {fills:?}");
    }
}

const HEAD: &str =
    "4c5458310000000200000200000000010000000000000001000000000000000100000000000003e8
    00000000000000000000000000000000000000000000000000000000000000000000000000000000
    000000000000000000000000000000000000000000000001";
const BLOCK: &str =
    "00010000000c1f310100ffe85031313131310000000000000164160000000000000000040000000000
    000000f10ef668184cb537";
const FRAME: &str = "000004224d186440a70c0000001f310100ffe8503131313131000000005e2d2198
    0000000000000164250000000000000000040000000000000000f6ca51273e539784";

#[test]
fn whole_files() {
    let cases = [(BLOCK, 0xf10e_f668_184c_b537), (FRAME, 0xf6ca_5127_3e53_9784)];
    for (rest, file_checksum) in cases {
        let trailer = Trailer { post_apply: 0, file_checksum };
        let expected = (header(512, 1, 1, 1), filled(512, b"1"), trailer);
        assert_eq!(decode(&hex(&[HEAD, rest].concat())).unwrap(), expected);
    }
}

#[test]
fn frames_are_written_with_the_header_old_readers_expect() {
    let file = encode(&header(512, 1, 1, 1), &filled(512, b"1"), PageEncoding::Frame);
    let head = hex(&[HEAD, "0000 04224d186440a7"].concat());
    assert_eq!(file[..head.len()], head);
}

#[test]
fn a_delta_with_database_checksums() {
    let header = Header {
        flags: 0,
        timestamp_ms: 2000,
        pre_apply: CHECKSUM_FLAG | 2,
        ..header(1024, 2, 2, 5)
    };
    let literals = "91".repeat(16);
    let frame =
        format!("04224d18604082 1e000000 ff01{literals} 0100 ffffffdb 509191919191 00000000");
    let mut file = header.encode().to_vec();
    file.extend(hex("000000010000"));
    file.extend(hex(&frame));
    file.extend(hex("000000000000 01643300 0000000000000004 8000000000000005 83c62dde98efed0f"));
    let trailer = Trailer { post_apply: CHECKSUM_FLAG | 5, file_checksum: 0x83c6_2dde_98ef_ed0f };
    assert_eq!(decode(&file).unwrap(), (header, filled(1024, &[0x91]), trailer));
}

#[test]
fn a_snapshots_post_apply_checksum_is_computed() {
    let head = Header { flags: 0, ..header(1024, 3, 1, 2) };
    for (post_apply, ok) in [(0x8a24_9272_ad9f_7dea, true), (CHECKSUM_FLAG | 7, false)] {
        let mut encoder = Encoder::new(Vec::new(), head.clone(), PageEncoding::Block).unwrap();
        for (pgno, page) in filled(1024, &[0x81, 0x82, 0x83]) {
            encoder.page(pgno, &page).unwrap();
        }
        encoder.set_post_apply(post_apply);
        let (bytes, _) = encoder.finish().unwrap();
        assert_eq!(decode(&bytes).is_ok(), ok);
    }
}

#[test]
fn every_page_size_both_encodings() {
    let mut bytes = Bytes(7);
    for shift in 9..=16 {
        let page_size = 1_usize << shift;
        let head = header(page_size as u32, 9, 3, 4);
        let pages: Pages = [2, 3, 7, 9].map(|pgno| (pgno, bytes.page(page_size))).to_vec();
        for encoding in [PageEncoding::Block, PageEncoding::Frame] {
            let file = encode(&head, &pages, encoding);
            let (found, read, _) = decode(&file).unwrap();
            assert_eq!((&found, &read), (&head, &pages), "{page_size} {encoding:?}");
        }
    }
}

#[test]
fn pages_that_do_not_compress() {
    let mut bytes = Bytes(9);
    let page: Vec<u8> = std::iter::repeat_with(|| bytes.next() as u8).take(65536).collect();
    for encoding in [PageEncoding::Block, PageEncoding::Frame] {
        let file = encode(&header(65536, 1, 1, 1), &[(1, page.clone())], encoding);
        assert!(file.len() > page.len());
        assert_eq!(decode(&file).unwrap().1, [(1, page.clone())]);
    }
}

#[test]
fn every_prefix_is_refused() {
    for encoding in [PageEncoding::Block, PageEncoding::Frame] {
        let file = sample(encoding);
        for length in 0..file.len() {
            assert!(decode(&file[..length]).is_err(), "{encoding:?} {length}");
        }
        let longer = [file.as_slice(), &[0]].concat();
        assert!(matches!(decode(&longer), Err(Error::Trailing)));
    }
}

#[test]
fn every_flipped_bit_is_refused_or_harmless() {
    for encoding in [PageEncoding::Block, PageEncoding::Frame] {
        let mut file = sample(encoding);
        let (_, pages, _) = decode(&file).unwrap();
        for bit in 0..file.len() * 8 {
            file[bit / 8] ^= 1 << (bit % 8);
            if let Ok((_, found, _)) = decode(&file) {
                assert_eq!(found, pages, "{encoding:?} bit {bit}");
                assert!(bit / 8 >= HEADER_LEN, "{encoding:?} bit {bit} of the header");
            }
            file[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn noise_after_a_header_is_refused() {
    let head = header(512, 100, 2, 2).encode();
    let mut bytes = Bytes(3);
    for _ in 0..2000 {
        let length = bytes.next() % 300;
        let mut file = head.to_vec();
        file.extend([0, 0, 0, 1 + bytes.next() as u8 % 9, 0, bytes.next() as u8 % 2]);
        file.extend(std::iter::repeat_with(|| bytes.next() as u8).take(length as usize));
        assert!(decode(&file).is_err());
    }
}

fn sample(encoding: PageEncoding) -> Vec<u8> {
    let mut bytes = Bytes(5);
    let pages: Pages = (1..=3).map(|pgno| (pgno, bytes.page(512))).collect();
    encode(&header(512, 3, 1, 4), &pages, encoding)
}

#[test]
fn pages_out_of_order_are_refused() {
    let refused = |head: Header, pgnos: &[Pgno]| {
        let page = vec![0; head.page_size as usize];
        let mut encoder = Encoder::new(Vec::new(), head, PageEncoding::Block).unwrap();
        match pgnos.iter().try_for_each(|pgno| encoder.page(*pgno, &page)) {
            Ok(()) => encoder.finish().map(|_| ()).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(refused(header(512, 9, 2, 2), &[2, 2]), "ltx page 2 follows page 2");
    assert_eq!(refused(header(512, 9, 2, 2), &[0]), "ltx page 0 follows page 0");
    assert!(refused(header(512, 9, 2, 2), &[10]).contains("beyond the 9 pages"));
    assert!(refused(header(512, 9, 1, 2), &[1, 3]).contains("page 2 of a snapshot is missing"));
    assert!(refused(header(512, 2, 1, 2), &[1]).contains("page 2 of a snapshot is missing"));
    let lock = lock_page(65536);
    assert!(refused(header(65536, lock, 2, 2), &[lock]).contains("is the lock page"));
    assert!(refused(header(512, 0, 1, 1), &[]).contains("post-apply"));
}

#[test]
fn headers_that_break_a_rule_are_refused() {
    let good = header(4096, 1, 2, 2);
    assert_eq!(Header::decode(&good.encode()).unwrap(), good);
    let bad = [
        Header { flags: 4, ..good.clone() },
        Header { page_size: 256, ..good.clone() },
        Header { page_size: 4095, ..good.clone() },
        Header { min_txid: Txid(0), ..good.clone() },
        Header { max_txid: Txid(1), ..good.clone() },
        Header { pre_apply: 1, ..good.clone() },
        Header { flags: 0, pre_apply: 1, ..good.clone() },
        Header { wal_size: 1, ..good.clone() },
        Header { wal_salt2: 1, ..good.clone() },
        Header { wal_offset: 1 << 63, ..good },
    ];
    for header in bad {
        assert!(
            matches!(Header::decode(&header.encode()), Err(Error::Header { .. })),
            "{header:?}"
        );
    }
}

#[test]
fn lock_pages() {
    assert_eq!([512, 4096, 65536].map(lock_page), [2_097_153, 262_145, 16_385]);
}

#[test]
fn names() {
    let name = Name { min: Txid(1), max: Txid(0xabc) };
    assert_eq!(name.to_string(), "0000000000000001-0000000000000abc.ltx");
    assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
    for bad in [
        "",
        "0000000000000001-0000000000000ABC.ltx",
        "0000000000000001-0000000000000abc.ltx.tmp",
        "+000000000000001-0000000000000abc.ltx",
        "0000000000000002-0000000000000001.ltx",
        "0000000000000000-0000000000000001.ltx",
        "é00000000000001-0000000000000abc.ltx",
    ] {
        assert!(bad.parse::<Name>().is_err(), "{bad}");
    }
}

fn merge(files: &[Vec<u8>]) -> Result<Merge<&[u8]>, Error> {
    Merge::new(files.iter().map(|file| Decoder::new(file.as_slice())).collect::<Result<_, _>>()?)
}

fn delta(commit: u32, txid: u64, pages: &[(Pgno, u8)]) -> Vec<u8> {
    let pages: Pages = pages.iter().map(|(pgno, fill)| (*pgno, vec![*fill; 512])).collect();
    let head = Header { timestamp_ms: txid as i64, ..header(512, commit, txid, txid) };
    encode(&head, &pages, PageEncoding::Frame)
}

#[test]
fn merging_takes_the_last_of_each_page() {
    let files = [
        delta(3, 1, &[(1, 1), (2, 1), (3, 1)]),
        delta(5, 2, &[(1, 2), (4, 2), (5, 2)]),
        delta(4, 3, &[(2, 3), (4, 3)]),
    ];
    let (bytes, _) = merge(&files).unwrap().encode(Vec::new(), PageEncoding::Block).unwrap();
    let (head, pages, _) = decode(&bytes).unwrap();
    assert_eq!(head, Header { timestamp_ms: 3, ..header(512, 4, 1, 3) });
    assert_eq!(pages, filled(512, &[2, 3, 1, 3]));

    let mut database = Vec::new();
    let mut written = 0;
    write_database(merge(&files).unwrap(), &mut database, |_| written += 1).unwrap();
    assert_eq!(database, [[2; 512], [3; 512], [1; 512], [3; 512]].concat());
    assert_eq!(written, 4);
}

#[test]
fn merging_refuses_gaps_and_missing_pages() {
    let gap = [delta(1, 1, &[(1, 1)]), delta(1, 3, &[(1, 3)])];
    assert!(matches!(merge(&gap), Err(Error::NotContiguous { .. })));
    let grown_without_pages = [delta(1, 1, &[(1, 1)]), delta(3, 2, &[(3, 2)])];
    let result = write_database(merge(&grown_without_pages).unwrap(), &mut Vec::new(), |_| ());
    assert!(matches!(result, Err(Error::PageMissing { pgno: 2 })));
    let no_snapshot = [delta(1, 2, &[(1, 1)])];
    assert!(write_database(merge(&no_snapshot).unwrap(), &mut Vec::new(), |_| ()).is_err());
    assert!(matches!(merge(&[]), Err(Error::NoInputs)));
}

#[test]
fn merging_notices_damage_beyond_the_last_page_it_needs() {
    let mut files = [delta(3, 1, &[(1, 1), (2, 1), (3, 1)]), delta(1, 2, &[(1, 2)])];
    let last = files[0].len() - 1;
    files[0][last] ^= 1;
    let result = merge(&files).and_then(|m| write_database(m, &mut Vec::new(), |_| ()));
    assert!(matches!(result, Err(Error::FileChecksum { .. })));
}
