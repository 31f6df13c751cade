//! A promise that stands in no list would never be tested.

#[test]
fn each_promise_stands_in_its_list() {
    let lists = include_str!("../src/lists.rs");
    let sources =
        [include_str!("../src/store.rs"), include_str!("../src/provider.rs"), include_str!("../src/swarm.rs")];
    let mut promises = 0;
    for source in sources {
        for line in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
            let name = line.split(['(', '<']).next().expect("a name");
            assert!(lists.contains(&format!(" {name},\n")), "{name} stands in no list");
            promises += 1;
        }
    }
    assert!(promises > 0, "the sources name no promise");
}
