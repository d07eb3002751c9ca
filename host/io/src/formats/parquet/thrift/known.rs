//! What is read of the fields of Parquet's metadata: the number and the kind of each. All others are left out: statistics, sizes of
//! levels, orders of columns.

use super::wire::{BINARY, BYTE, I32, I64};

/// The fields of a structure that are read, by their numbers.
pub(super) type Fields = &'static [(i16, Kind)];

/// What a field is expected to be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A value of this type on the wire, whatever it holds.
    Of(u8),
    /// True or false.
    Bool,
    /// An `i32` of at most this.
    UpTo(i64),
    /// Text, in UTF-8.
    Text,
    /// The name of an element of the schema.
    Name,
    Struct(Fields),
    /// One of these.
    Union(Fields),
    /// A structure that is there where a column is encrypted.
    Crypto,
    List(&'static Kind),
    /// A list of which nobody reads the values.
    Emptied,
}

const KEY_VALUE: Fields = &[(1, Kind::Text), (2, Kind::Text)];
const SIZE_STATISTICS: Fields = &[(1, Kind::Of(I64))];
const COLUMN_METADATA: Fields = &[
    (1, Kind::Of(I32)),
    // A summary of what the pages say themselves.
    (2, Kind::Emptied),
    (4, Kind::Of(I32)),
    (5, Kind::Of(I64)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I64)),
    (9, Kind::Of(I64)),
    (11, Kind::Of(I64)),
    (14, Kind::Of(I64)),
    (15, Kind::Of(I32)),
    (16, Kind::Struct(SIZE_STATISTICS)),
];
const COLUMN_CHUNK: Fields = &[
    (1, Kind::Text),
    (2, Kind::Of(I64)),
    (3, Kind::Struct(COLUMN_METADATA)),
    (4, Kind::Of(I64)),
    (5, Kind::Of(I32)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I32)),
    (8, Kind::Crypto),
];
const ROW_GROUP: Fields =
    &[(1, Kind::List(&Kind::Struct(COLUMN_CHUNK))), (2, Kind::Of(I64)), (3, Kind::Of(I64)), (5, Kind::Of(I64))];
const SCHEMA_ELEMENT: Fields = &[
    (1, Kind::Of(I32)),
    (2, Kind::Of(I32)),
    (3, Kind::Of(I32)),
    (4, Kind::Name),
    (5, Kind::Of(I32)),
    // The last is INTERVAL; parquet-cpp wrote 24 for columns of nulls, which the format then gave up.
    (6, Kind::UpTo(21)),
    (7, Kind::Of(I32)),
    (8, Kind::Of(I32)),
    (9, Kind::Of(I32)),
    // The format: what is unknown leaves the physical type.
    (10, Kind::Union(LOGICAL_TYPE)),
];
const NOTHING: Kind = Kind::Struct(&[]);
const TIME_UNIT: Fields = &[(1, NOTHING), (2, NOTHING), (3, NOTHING)];
const TIME: Fields = &[(1, Kind::Bool), (2, Kind::Union(TIME_UNIT))];
const LOGICAL_TYPE: Fields = &[
    (1, NOTHING),
    (2, NOTHING),
    (3, NOTHING),
    (4, NOTHING),
    (5, Kind::Struct(&[(1, Kind::Of(I32)), (2, Kind::Of(I32))])),
    (6, NOTHING),
    (7, Kind::Struct(TIME)),
    (8, Kind::Struct(TIME)),
    (9, NOTHING),
    (10, Kind::Struct(&[(1, Kind::Of(BYTE)), (2, Kind::Bool)])),
    (11, NOTHING),
    (12, NOTHING),
    (13, NOTHING),
    (14, NOTHING),
    (15, NOTHING),
    (16, Kind::Struct(&[(1, Kind::Of(BYTE))])),
    (17, Kind::Struct(&[(1, Kind::Text)])),
    (18, Kind::Struct(&[(1, Kind::Text), (2, Kind::Of(I32))])),
];
pub(super) const FILE_METADATA: Fields = &[
    (1, Kind::Of(I32)),
    (2, Kind::List(&Kind::Struct(SCHEMA_ELEMENT))),
    (3, Kind::Of(I64)),
    (4, Kind::List(&Kind::Struct(ROW_GROUP))),
    (5, Kind::List(&Kind::Struct(KEY_VALUE))),
    (6, Kind::Text),
];

const PAGE_STATISTICS: Fields = &[
    (1, Kind::Of(BINARY)),
    (2, Kind::Of(BINARY)),
    (3, Kind::Of(I64)),
    (4, Kind::Of(I64)),
    (5, Kind::Of(BINARY)),
    (6, Kind::Of(BINARY)),
    (7, Kind::Bool),
    (8, Kind::Bool),
    (9, Kind::Of(I64)),
];
pub(super) const PAGE_HEADER: Fields = &[
    (1, Kind::Of(I32)),
    (2, Kind::Of(I32)),
    (3, Kind::Of(I32)),
    (4, Kind::Of(I32)),
    (
        5,
        Kind::Struct(&[
            (1, Kind::Of(I32)),
            (2, Kind::Of(I32)),
            (3, Kind::Of(I32)),
            (4, Kind::Of(I32)),
            (5, Kind::Struct(PAGE_STATISTICS)),
        ]),
    ),
    (6, NOTHING),
    (7, Kind::Struct(&[(1, Kind::Of(I32)), (2, Kind::Of(I32)), (3, Kind::Bool)])),
    (
        8,
        Kind::Struct(&[
            (1, Kind::Of(I32)),
            (2, Kind::Of(I32)),
            (3, Kind::Of(I32)),
            (4, Kind::Of(I32)),
            (5, Kind::Of(I32)),
            (6, Kind::Of(I32)),
            (7, Kind::Bool),
            (8, Kind::Struct(PAGE_STATISTICS)),
        ]),
    ),
];
