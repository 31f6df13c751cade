//! The store in a directory keeps the contract of stores.

use kit_contract::StoreWorld;
use kit_model::SpecStore;
use kit_runtime::FileStore;
use tempfile::TempDir;

struct InDirectory {
    store: FileStore,
    _directory: TempDir,
}

impl InDirectory {
    fn fresh() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { store: FileStore::open(directory.path()).expect("a store"), _directory: directory }
    }
}

impl StoreWorld for InDirectory {
    fn store(&self) -> &dyn SpecStore {
        &self.store
    }
}

kit_contract::store_promises!(InDirectory::fresh());
