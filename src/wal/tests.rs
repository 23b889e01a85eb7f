use super::*;

const PAGE: usize = 512;
const SALTS: Salts = Salts(7, 11);

/// Writes logs as SQLite does.
struct Writer {
    bytes: Vec<u8>,
    order: ByteOrder,
    salts: Salts,
    checksum: Checksum,
}

impl Writer {
    fn new(order: ByteOrder, salts: Salts) -> Self {
        let magic = if order == ByteOrder::Big { 0x377f_0683_u32 } else { 0x377f_0682 };
        let words = [magic, 3_007_000, PAGE as u32, 1, salts.0, salts.1];
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        let checksum = Checksum::default().update(&bytes, order);
        bytes.extend(checksum.0.to_be_bytes());
        bytes.extend(checksum.1.to_be_bytes());
        Self { bytes, order, salts, checksum }
    }

    fn frame(&mut self, pgno: u32, commit: u32, fill: u8) -> &mut Self {
        let mut head: Vec<u8> = [pgno, commit].iter().flat_map(|w| w.to_be_bytes()).collect();
        let page = [fill; PAGE];
        self.checksum = self.checksum.update(&head, self.order).update(&page, self.order);
        let rest = [self.salts.0, self.salts.1, self.checksum.0, self.checksum.1];
        head.extend(rest.iter().flat_map(|w| w.to_be_bytes()));
        self.bytes.extend(head);
        self.bytes.extend(page);
        self
    }
}

fn two_transactions(order: ByteOrder) -> Vec<u8> {
    let mut writer = Writer::new(order, SALTS);
    writer.frame(1, 0, 1).frame(2, 2, 2).frame(1, 0, 3).frame(3, 3, 4);
    writer.bytes
}

fn reader(bytes: &[u8]) -> WalReader<&[u8]> {
    WalReader::new(bytes).unwrap()
}

fn frames(reader: &mut WalReader<&[u8]>) -> Vec<(u32, u32, u8)> {
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push((frame.pgno, frame.commit, frame.page[0]));
    }
    frames
}

const FRAME: usize = PAGE + 24;

#[test]
fn reads_both_byte_orders() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let bytes = two_transactions(order);
        let mut reader = reader(&bytes);
        assert_eq!(frames(&mut reader), [(1, 0, 1), (2, 2, 2), (1, 0, 3), (3, 3, 4)]);
        assert_eq!(reader.end(), End::Eof);
    }
}

#[test]
fn continues_from_a_position() {
    let bytes = two_transactions(ByteOrder::Little);
    let mut first = reader(&bytes);
    first.next_frame().unwrap();
    first.next_frame().unwrap();
    let position = first.position();
    let mut second = reader(&bytes);
    second.resume(position);
    assert_eq!(frames(&mut second), [(1, 0, 3), (3, 3, 4)]);
    let (pgno, page, found) = second.frame_before(position.offset, SALTS).unwrap().unwrap();
    assert_eq!((pgno, page[0], found), (2, 2, position));
}

#[test]
fn ends_at_the_first_frame_that_does_not_hold() {
    let whole = two_transactions(ByteOrder::Little);
    let mut torn = whole.clone();
    torn.truncate(32 + 3 * FRAME + 100);
    let mut stale = whole.clone();
    stale[32 + 3 * FRAME + 11] ^= 1;
    let mut flipped = whole.clone();
    flipped[32 + 3 * FRAME + 200] ^= 1;
    let mut zeroed = whole;
    zeroed[32 + 3 * FRAME..].fill(0);
    let cases =
        [(torn, End::Torn), (stale, End::Salts), (flipped, End::Checksum), (zeroed, End::Salts)];
    for (bytes, end) in cases {
        let mut reader = reader(&bytes);
        assert_eq!(frames(&mut reader).len(), 3, "{end:?}");
        assert_eq!(reader.end(), end);
    }
}

#[test]
fn a_batch_is_whole_transactions() {
    let mut writer = Writer::new(ByteOrder::Little, SALTS);
    writer.frame(1, 0, 1).frame(4, 4, 2).frame(1, 0, 3).frame(2, 2, 4).frame(9, 0, 5);
    let mut reader = reader(&writer.bytes);
    let batch = reader.committed(u64::MAX, u64::MAX).unwrap().unwrap();
    let at = |frame: usize| (32 + frame * FRAME) as u64;
    assert_eq!(batch.pages, [(1, at(2)), (2, at(3))]);
    assert_eq!((batch.commit, batch.start, batch.transactions), (2, 32, 2));
    assert_eq!(batch.end.offset, at(4));
    let mut spare = Vec::new();
    assert_eq!(reader.page_at(at(3), &mut spare).unwrap(), [4; PAGE]);
    assert_eq!(reader.committed(u64::MAX, u64::MAX).unwrap(), None);
    assert_eq!(reader.position(), batch.end);
    assert!(spare.is_empty(), "the page was in memory");
    assert_eq!(reader.page_at(at(3), &mut spare).unwrap(), [4; PAGE]);
}

#[test]
fn a_batch_respects_its_limit() {
    let bytes = two_transactions(ByteOrder::Little);
    let mut reader = reader(&bytes);
    assert_eq!(reader.committed(u64::MAX, 1).unwrap().unwrap().commit, 2);
    assert_eq!(reader.committed(u64::MAX, 1).unwrap().unwrap().commit, 3);
    assert_eq!(reader.committed(u64::MAX, 1).unwrap(), None);
}

#[test]
fn a_batch_ends_where_the_index_does() {
    let bytes = two_transactions(ByteOrder::Little);
    let mut reader = reader(&bytes);
    let until = (32 + 2 * FRAME) as u64;
    assert_eq!(reader.committed(until, u64::MAX).unwrap().unwrap().end.offset, until);
    assert_eq!(reader.committed(until, u64::MAX).unwrap(), None);
}

#[test]
fn refuses_bad_headers() {
    let bytes = two_transactions(ByteOrder::Little);
    let refusal = |at: usize| {
        let mut bad = bytes.clone();
        bad[at] ^= 0x40;
        WalReader::new(bad.as_slice()).err().unwrap()
    };
    assert!(matches!(refusal(0), Error::Magic(_)));
    assert!(matches!(refusal(5), Error::Version(_)));
    assert!(matches!(refusal(11), Error::PageSize(_)));
    assert!(matches!(refusal(16), Error::HeaderChecksum));
    for len in 0..32 {
        assert!(matches!(WalReader::new(&bytes[..len]), Err(Error::Empty)));
    }
}

#[test]
fn any_prefix_and_any_flipped_byte_is_a_shorter_log() {
    let bytes = two_transactions(ByteOrder::Big);
    for len in 32..bytes.len() {
        assert_eq!(frames(&mut reader(&bytes[..len])).len(), (len - 32) / FRAME);
    }
    for at in 32..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        assert_eq!(frames(&mut reader(&bad)).len(), (at - 32) / FRAME, "{at}");
    }
}
