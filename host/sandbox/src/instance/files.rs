//! WASI's files, less what a step must not do to the host: make links, open what is neither a file nor a folder, and alter a file that
//! has a second name, which may lie outside of what was granted.
//!
//! A link that a step leaves in its folder is followed by everybody who does not look: another program, the user's next pipeline. And
//! opening a pipe waits in a thread of the host for somebody who writes; opening a device may do something.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, Host, HostDescriptor, NewTimestamp, OpenFlags,
    PathFlags,
};

use super::state::State;

/// As `wasmtime_wasi` links it; a test notices when it moves on to another version.
const FILES: &str = "wasi:filesystem/types@0.2.12";

/// Puts these in place of what `wasmtime_wasi` linked.
pub(super) fn narrow(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut files = linker.instance(FILES)?;
    files.func_wrap_async(
        "[method]descriptor.symlink-at",
        |_: StoreContextMut<'_, State>, _: (Resource<Descriptor>, String, String)| {
            Box::new(async { Ok((Err::<(), _>(ErrorCode::NotPermitted),)) })
        },
    )?;
    files.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, State>,
         asked: (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags)| {
            Box::new(async move { Ok((open(store.data_mut(), asked).await?,)) })
        },
    )?;
    files.func_wrap_async(
        "[method]descriptor.set-times",
        |mut store: StoreContextMut<'_, State>, asked: (Resource<Descriptor>, NewTimestamp, NewTimestamp)| {
            Box::new(async move { Ok((set_times(store.data_mut(), asked).await?,)) })
        },
    )?;
    files.func_wrap_async(
        "[method]descriptor.set-times-at",
        |mut store: StoreContextMut<'_, State>,
         asked: (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp)| {
            Box::new(async move { Ok((set_times_at(store.data_mut(), asked).await?,)) })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether a file has another name, which a program outside of the sandbox may have given it.
fn is_shared(found: FsResult<DescriptorStat>) -> bool {
    found.is_ok_and(|found| found.type_ == DescriptorType::RegularFile && found.link_count > 1)
}

async fn open(
    state: &mut State,
    (folder, follow, path, how, flags): (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags),
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let mut files = state.filesystem();
    let borrowed = Resource::new_borrow(folder.rep());
    // It is looked at without being opened. What is not there may be made; what cannot be looked at cannot be opened either.
    let found = files.stat_at(borrowed, follow, path.clone()).await;
    if let Ok(found) = &found
        && !matches!(
            found.type_,
            DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink
        )
    {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    let alters = flags.contains(DescriptorFlags::WRITE) || how.contains(OpenFlags::TRUNCATE);
    if alters && is_shared(found) {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    match files.open_at(folder, follow, path, how, flags).await {
        Ok(opened) => Ok(Ok(opened)),
        Err(error) => files.convert_error_code(error).map(Err),
    }
}

async fn set_times(
    state: &mut State,
    (file, accessed, modified): (Resource<Descriptor>, NewTimestamp, NewTimestamp),
) -> wasmtime::Result<Result<(), ErrorCode>> {
    let mut files = state.filesystem();
    if is_shared(files.stat(Resource::new_borrow(file.rep())).await) {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    match files.set_times(file, accessed, modified).await {
        Ok(()) => Ok(Ok(())),
        Err(error) => files.convert_error_code(error).map(Err),
    }
}

async fn set_times_at(
    state: &mut State,
    (folder, follow, path, accessed, modified): (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp),
) -> wasmtime::Result<Result<(), ErrorCode>> {
    let mut files = state.filesystem();
    let borrowed = Resource::new_borrow(folder.rep());
    if is_shared(files.stat_at(borrowed, follow, path.clone()).await) {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    match files.set_times_at(folder, follow, path, accessed, modified).await {
        Ok(()) => Ok(Ok(())),
        Err(error) => files.convert_error_code(error).map(Err),
    }
}
