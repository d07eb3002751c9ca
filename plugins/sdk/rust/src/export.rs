//! The macros that make a component's exports of a step. Natively they make nothing: a step is then an ordinary library.

/// A step's description of itself: `CARGO_PKG_NAME` (without `step-` or `guest-`), `_VERSION` and `_DESCRIPTION` of its crate, or
/// what its configuration's documentation begins with.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest {
    ($guest:ident, $config:ty) => {
        impl $crate::raw::ManifestGuest for $guest {
            fn describe() -> $crate::raw::Manifest {
                let package = ::std::env!("CARGO_PKG_NAME");
                let name = package.strip_prefix("step-").or(package.strip_prefix("guest-")).unwrap_or(package);
                $crate::raw::Manifest {
                    name: name.into(),
                    version: ::std::env!("CARGO_PKG_VERSION").into(),
                    summary: $crate::config::summary::<$config>(::std::env!("CARGO_PKG_DESCRIPTION")),
                    config_schema: $crate::config::schema::<$config>(),
                }
            }
        }
        $crate::raw::manifest::export_manifest!($guest with_types_in $crate::raw::manifest);
    };
}

/// Exports a type that implements [`Transform`](crate::Transform), once in a crate.
#[macro_export]
macro_rules! transform {
    ($step:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::raw::transform::exports::callboard::step::transform as contract;
            use $crate::raw::{columns::Batch, types::Error};
    ::std::thread_local!(static OPENED: $crate::step::OpenedTransform = const { $crate::step::Opened::new() });
            struct Exported;
            impl contract::Guest for Exported {
                fn declare(
                    config: ::std::string::String,
                    input: Batch,
                ) -> ::std::result::Result<contract::Shape, Error> {
                    $crate::step::declare_transform::<$step>(&config, &input)
                }
                fn open(config: ::std::string::String, input: Batch) -> ::std::result::Result<(), Error> {
                    OPENED.with(|opened| $crate::step::open_transform::<$step>(opened, &config, &input))
                }
                fn process(input: Batch) -> ::std::result::Result<contract::Output, Error> {
                    OPENED.with(|opened| $crate::step::process(opened, input))
                }
            }
            $crate::__manifest!(Exported, <$step as $crate::Transform>::Config);
    $crate::raw::transform::export_transform!(Exported with_types_in $crate::raw::transform);
        };
    };
}

/// Exports a type that implements [`Global`](crate::Global), once in a crate.
#[macro_export]
macro_rules! global {
    ($step:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::raw::global::callboard::step::exchange::{Reader, Writer};
            use $crate::raw::global::exports::callboard::step::global as contract;
            use $crate::raw::{columns::Batch, types::Error};
    ::std::thread_local!(static OPENED: $crate::step::OpenedGlobal = const { $crate::step::Opened::new() });
            struct Exported;
            impl contract::Guest for Exported {
                fn declare(
                    config: ::std::string::String,
                    inputs: ::std::vec::Vec<Batch>,
                ) -> ::std::result::Result<contract::Shape, Error> {
                    $crate::step::declare_global::<$step>(&config, &inputs)
                }
                fn open(
                    config: ::std::string::String,
                    inputs: ::std::vec::Vec<Batch>,
                ) -> ::std::result::Result<(), Error> {
                    OPENED.with(|opened| $crate::step::open_global::<$step>(opened, &config, &inputs))
                }
                fn run(inputs: ::std::vec::Vec<Reader>, output: Writer) -> ::std::result::Result<(), Error> {
                    OPENED.with(|opened| $crate::step::run(opened, inputs, output))
                }
            }
            $crate::__manifest!(Exported, <$step as $crate::Global>::Config);
    $crate::raw::global::export_global!(Exported with_types_in $crate::raw::global);
        };
    };
}

/// Exports a type that implements [`Source`](crate::Source), once in a crate.
#[macro_export]
macro_rules! source {
    ($step:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::raw::source::exports::callboard::step::source as contract;
            use $crate::raw::{columns::Batch, types::Error};
            ::std::thread_local!(static OPENED: $crate::step::OpenedSource<$step> = const { $crate::step::Opened::new() });
            struct Exported;
            impl contract::Guest for Exported {
                fn declare(config: ::std::string::String) -> ::std::result::Result<Batch, Error> {
                    $crate::step::declare_source::<$step>(&config)
                }
                fn open(
                    config: ::std::string::String,
                    cursor: ::std::option::Option<::std::vec::Vec<u8>>,
                ) -> ::std::result::Result<(), Error> {
                    OPENED.with(|opened| $crate::step::open_source::<$step>(opened, &config, cursor))
                }
                fn next() -> ::std::result::Result<::std::option::Option<contract::Page>, Error> {
                    OPENED.with(|opened| $crate::step::next_page::<$step>(opened))
                }
            }
            $crate::__manifest!(Exported, <$step as $crate::Source>::Config);
            $crate::raw::source::export_source!(Exported with_types_in $crate::raw::source);
        };
    };
}
