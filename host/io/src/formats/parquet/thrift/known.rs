//! What Parquet's metadata have in their fields: the number and the type of each, as the library reads them.

use super::wire::{BINARY, BYTE, DOUBLE, I16, I32, I64};

/// What a field is expected to be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A value of this type on the wire, whatever it holds.
    Of(u8),
    /// True or false.
    Bool,
    /// An `i32` of at most this.
    UpTo(i64),
    Struct(&'static [(i16, Kind)]),
    /// A structure that is there where a column is encrypted.
    Crypto,
    List(&'static Kind),
}

const STATISTICS: &[(i16, Kind)] = &[
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
const KEY_VALUE: &[(i16, Kind)] = &[(1, Kind::Of(BINARY)), (2, Kind::Of(BINARY))];
const ENCODING_STATS: &[(i16, Kind)] = &[(1, Kind::Of(I32)), (2, Kind::Of(I32)), (3, Kind::Of(I32))];
const SIZE_STATISTICS: &[(i16, Kind)] =
    &[(1, Kind::Of(I64)), (2, Kind::List(&Kind::Of(I64))), (3, Kind::List(&Kind::Of(I64)))];
const COLUMN_METADATA: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::List(&Kind::Of(I32))),
    (3, Kind::List(&Kind::Of(BINARY))),
    (4, Kind::Of(I32)),
    (5, Kind::Of(I64)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I64)),
    (8, Kind::List(&Kind::Struct(KEY_VALUE))),
    (9, Kind::Of(I64)),
    (10, Kind::Of(I64)),
    (11, Kind::Of(I64)),
    (12, Kind::Struct(STATISTICS)),
    (13, Kind::List(&Kind::Struct(ENCODING_STATS))),
    (14, Kind::Of(I64)),
    (15, Kind::Of(I32)),
    (16, Kind::Struct(SIZE_STATISTICS)),
    (17, Kind::Struct(GEOSPATIAL_STATISTICS)),
];
const COLUMN_CHUNK: &[(i16, Kind)] = &[
    (1, Kind::Of(BINARY)),
    (2, Kind::Of(I64)),
    (3, Kind::Struct(COLUMN_METADATA)),
    (4, Kind::Of(I64)),
    (5, Kind::Of(I32)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I32)),
    (8, Kind::Crypto),
    (9, Kind::Of(BINARY)),
];
const SORTING_COLUMN: &[(i16, Kind)] = &[(1, Kind::Of(I32)), (2, Kind::Bool), (3, Kind::Bool)];
const ROW_GROUP: &[(i16, Kind)] = &[
    (1, Kind::List(&Kind::Struct(COLUMN_CHUNK))),
    (2, Kind::Of(I64)),
    (3, Kind::Of(I64)),
    (4, Kind::List(&Kind::Struct(SORTING_COLUMN))),
    (5, Kind::Of(I64)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I16)),
];
const SCHEMA_ELEMENT: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::Of(I32)),
    (3, Kind::Of(I32)),
    (4, Kind::Of(BINARY)),
    (5, Kind::Of(I32)),
    // The last is INTERVAL; parquet-cpp wrote 24 for columns of nulls, which the format then gave up.
    (6, Kind::UpTo(21)),
    (7, Kind::Of(I32)),
    (8, Kind::Of(I32)),
    (9, Kind::Of(I32)),
    (10, Kind::Struct(LOGICAL_TYPE)),
];
const NOTHING: Kind = Kind::Struct(&[]);
const TIME_UNIT: &[(i16, Kind)] = &[(1, NOTHING), (2, NOTHING), (3, NOTHING)];
const TIME: &[(i16, Kind)] = &[(1, Kind::Bool), (2, Kind::Struct(TIME_UNIT))];
const LOGICAL_TYPE: &[(i16, Kind)] = &[
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
    (17, Kind::Struct(&[(1, Kind::Of(BINARY))])),
    (18, Kind::Struct(&[(1, Kind::Of(BINARY)), (2, Kind::Of(I32))])),
];
const BOUNDING_BOX: &[(i16, Kind)] = &[
    (1, Kind::Of(DOUBLE)),
    (2, Kind::Of(DOUBLE)),
    (3, Kind::Of(DOUBLE)),
    (4, Kind::Of(DOUBLE)),
    (5, Kind::Of(DOUBLE)),
    (6, Kind::Of(DOUBLE)),
    (7, Kind::Of(DOUBLE)),
    (8, Kind::Of(DOUBLE)),
];
const GEOSPATIAL_STATISTICS: &[(i16, Kind)] = &[(1, Kind::Struct(BOUNDING_BOX)), (2, Kind::List(&Kind::Of(I32)))];
const AES: &[(i16, Kind)] = &[(1, Kind::Of(BINARY)), (2, Kind::Of(BINARY)), (3, Kind::Bool)];
pub(super) const FILE_METADATA: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::List(&Kind::Struct(SCHEMA_ELEMENT))),
    (3, Kind::Of(I64)),
    (4, Kind::List(&Kind::Struct(ROW_GROUP))),
    (5, Kind::List(&Kind::Struct(KEY_VALUE))),
    (6, Kind::Of(BINARY)),
    (7, Kind::List(&Kind::Struct(&[(1, NOTHING), (2, NOTHING)]))),
    (8, Kind::Struct(&[(1, Kind::Struct(AES)), (2, Kind::Struct(AES))])),
    (9, Kind::Of(BINARY)),
];
pub(super) const PAGE_HEADER: &[(i16, Kind)] = &[
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
            (5, Kind::Struct(STATISTICS)),
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
            (8, Kind::Struct(STATISTICS)),
        ]),
    ),
];
