//! The heap by itself: roots are whatever a test says.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::access::{element_offset, fill, host_value, len, load, store};
use super::heap::Heap;
use super::layout::{
    Field, HEADER_BYTES, Header, ObjectType, Shape, Storage, i31_to_raw, object_to_raw, raw_to_i31,
    raw_to_object,
};

const TRACED: Storage = Storage::Ref { traced: true };

/// A heap that keeps its types alive.
struct World {
    heap: Heap,
    types: Vec<Arc<ObjectType>>,
}

impl World {
    fn new(types: impl IntoIterator<Item = ObjectType>) -> World {
        World {
            heap: Heap::default(),
            types: types.into_iter().map(Arc::new).collect(),
        }
    }

    fn alloc(&mut self, ty: usize, len: u32) -> Option<NonNull<Header>> {
        // SAFETY: the world keeps the type, and drops it after the heap.
        unsafe { self.heap.alloc(Arc::as_ptr(&self.types[ty]), len) }
    }

    fn collect(&mut self, roots: &[u64]) {
        drop(self.heap.collect(|marker| {
            for &root in roots {
                // SAFETY: tests give live references.
                unsafe { marker.mark(root) }
            }
        }));
    }

    fn objects(&self) -> u64 {
        self.heap.stats().objects
    }
}

/// A pair of a number and a reference.
fn node() -> ObjectType {
    ObjectType::structure(7, Box::new([7]), &[Storage::I32, TRACED])
}

fn field(ty: &ObjectType, i: usize) -> Field {
    match &ty.shape {
        Shape::Struct { fields, .. } => fields[i],
        _ => panic!("a struct"),
    }
}

fn set(world: &World, object: NonNull<Header>, i: usize, value: u128) {
    let Field { offset, storage } = field(&world.types[0], i);
    // SAFETY: tests use live objects of the first type.
    unsafe { store(object, offset as usize, storage, value) }
}

fn get(world: &World, raw: u64, i: usize) -> u128 {
    let Field { offset, storage } = field(&world.types[0], i);
    let object = raw_to_object(raw).expect("an object");
    // SAFETY: as above.
    unsafe { load(object, offset as usize, storage, false) }
}

/// A list of `count` nodes, numbered from its end.
fn list(world: &mut World, count: u32) -> u64 {
    let mut head = 0;
    for i in 0..count {
        let object = world.alloc(0, 0).expect("memory");
        set(world, object, 0, i.into());
        set(world, object, 1, head.into());
        head = object_to_raw(object);
    }
    head
}

#[test]
fn references() {
    for value in [0, 1, -1, 0x3fff_ffff, -0x4000_0000] {
        assert_eq!(raw_to_i31(i31_to_raw(value)), Some(value));
    }
    assert_eq!(raw_to_i31(i31_to_raw(0x7fff_ffff)), Some(-1), "31 bits");
    assert_eq!(raw_to_i31(0), None);
    assert_eq!(raw_to_object(0), None);
    assert_eq!(raw_to_object(i31_to_raw(5)), None);
}

#[test]
fn fields_are_aligned_and_in_order() {
    let storages = [
        Storage::I8,
        Storage::I16,
        Storage::I8,
        Storage::I64,
        Storage::V128,
        Storage::F32,
        TRACED,
        Storage::Ref { traced: false },
    ];
    let ty = ObjectType::structure(3, Box::new([1, 2, 3]), &storages);
    let Shape::Struct {
        fields,
        size,
        traced,
    } = &ty.shape
    else {
        panic!("a struct");
    };
    let offsets: Vec<u32> = fields.iter().map(|f| f.offset).collect();
    assert_eq!(offsets, [16, 18, 20, 24, 32, 48, 56, 64]);
    assert_eq!((*size, &**traced), (80, &[56][..]));
}

#[test]
fn parts_keep_their_values() {
    let storages = [
        Storage::I8,
        Storage::I16,
        Storage::I32,
        Storage::I64,
        Storage::F32,
        Storage::F64,
        Storage::V128,
        TRACED,
    ];
    let mut world = World::new([ObjectType::structure(0, Box::new([0]), &storages)]);
    let object = world.alloc(0, 0).expect("memory");
    let value = 0x0123_4567_89ab_cdef_fedc_ba98_7654_8381_u128;
    for (i, storage) in storages.into_iter().enumerate() {
        let Field { offset, .. } = field(&world.types[0], i);
        let bits = storage.size() * 8;
        let low = value & (u128::MAX >> (128 - bits));
        // SAFETY: a live object.
        unsafe {
            assert_eq!(load(object, offset as usize, storage, false), 0, "zeroed");
            store(object, offset as usize, storage, value);
            assert_eq!(
                load(object, offset as usize, storage, false),
                low,
                "{storage:?}"
            );
        }
    }
    // SAFETY: as above.
    unsafe {
        assert_eq!(load(object, 16, Storage::I8, true), 0xffff_ff81);
        assert_eq!(load(object, 18, Storage::I16, true), 0xffff_8381);
    }
}

#[test]
fn arrays_of_every_size() {
    let sizes = [0u32, 1, 7, 100, 255, 256, 4079, 4080, 4081, 5000, 70_000];
    let elements = [
        Storage::I8,
        Storage::I16,
        Storage::I32,
        Storage::I64,
        Storage::V128,
    ];
    let mut world = World::new(elements.map(|e| ObjectType::array(1, Box::new([1]), e)));
    let mut roots = Vec::new();
    for (ty, element) in elements.into_iter().enumerate() {
        for count in sizes {
            let array = world.alloc(ty, count).expect("memory");
            assert!(object_to_raw(array).is_multiple_of(16));
            roots.push(object_to_raw(array));
            // SAFETY: the array has so many elements.
            unsafe {
                assert_eq!(len(array), count);
                if let Some(last) = count.checked_sub(1) {
                    assert_eq!(
                        load(array, element_offset(element, last), element, false),
                        0
                    );
                }
                fill(array, element, 0, count, u128::MAX);
            }
        }
    }
    world.collect(&roots);
    assert_eq!(world.objects(), roots.len() as u64);
    let bytes = world.heap.stats().bytes;
    // The large ones change places.
    roots.retain(|raw| raw / 16 % 2 == 0);
    world.collect(&roots);
    world.collect(&roots);
    assert_eq!(world.objects(), roots.len() as u64);
    assert!(world.heap.stats().bytes < bytes);
    world.collect(&[]);
    assert_eq!((world.objects(), world.heap.stats().bytes), (0, 0));
}

#[test]
fn long_lists_need_no_native_stack() {
    let count = if cfg!(miri) { 3000 } else { 1_000_000 };
    let mut world = World::new([node()]);
    let head = list(&mut world, count);
    list(&mut world, count / 10);
    world.collect(&[head, 0, i31_to_raw(3)]);
    assert_eq!(world.objects(), count.into());
    let (mut at, mut expect) = (head, count);
    while at != 0 {
        expect -= 1;
        assert_eq!(get(&world, at, 0), expect.into());
        at = get(&world, at, 1) as u64;
    }
    assert_eq!(expect, 0);
}

#[test]
fn cycles_die() {
    let mut world = World::new([node()]);
    let one = world.alloc(0, 0).expect("memory");
    let two = world.alloc(0, 0).expect("memory");
    set(&world, one, 1, object_to_raw(two).into());
    set(&world, two, 1, object_to_raw(one).into());
    world.collect(&[object_to_raw(two)]);
    assert_eq!(world.objects(), 2);
    world.collect(&[]);
    assert_eq!(world.objects(), 0);
}

#[test]
fn limits() {
    let mut world = World::new([node(), ObjectType::array(1, Box::new([1]), Storage::V128)]);
    world.heap.set_bytes_max(Some(200_000));
    assert!(world.alloc(1, u32::MAX).is_none());
    assert!(world.alloc(1, 10_000).is_some());
    assert!(world.alloc(1, 10_000).is_none(), "320,000 bytes");
    let mut nodes = 0;
    while world.alloc(0, 0).is_some() {
        nodes += 1;
    }
    assert_eq!(nodes, 1024, "one block of 32 KiB");
    assert!(world.heap.stats().bytes_reserved <= 200_000);
    world.collect(&[]);
    assert!(world.alloc(0, 0).is_some(), "there is room again");
    assert!(world.alloc(1, 10_000).is_some());
    // Empty blocks do not stand in the way of large objects.
    world.collect(&[]);
    while world.alloc(0, 0).is_some() {}
    world.collect(&[]);
    assert!(world.alloc(1, 12_000).is_some());
    world.heap.set_bytes_max(None);
    assert!(world.alloc(1, 100_000).is_some());
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn host_values_are_dropped_exactly_once() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut world = World::new([node()]);
    let mut objects = Vec::new();
    for _ in 0..3000 {
        let value = Box::new(Counted(dropped.clone()));
        let object = world.heap.alloc_host(value);
        objects.push(object_to_raw(object));
    }
    let kept: Vec<u64> = objects.iter().copied().step_by(3).collect();
    // One is kept by an object.
    let holder = world.alloc(0, 0).expect("memory");
    set(&world, holder, 1, objects[1].into());
    let mut roots = kept.clone();
    roots.push(object_to_raw(holder));
    world.collect(&roots);
    assert_eq!(dropped.load(Ordering::Relaxed), 1999);
    world.collect(&roots);
    assert_eq!(dropped.load(Ordering::Relaxed), 1999);
    for &raw in &kept {
        let object = raw_to_object(raw).expect("an object");
        // SAFETY: it is a root.
        let value = unsafe { host_value(object) }.expect("a host object");
        assert!(value.is::<Counted>());
    }
    // SAFETY: a root as well.
    assert!(unsafe { host_value(holder) }.is_none());
    world.collect(&kept[..10]);
    assert_eq!(dropped.load(Ordering::Relaxed), 2990);
    drop(world);
    assert_eq!(dropped.load(Ordering::Relaxed), 3000);
}

#[test]
fn host_values_are_not_refused() {
    let mut world = World::new([node()]);
    world.heap.set_bytes_max(Some(100));
    world.heap.alloc_host(Box::new(5));
    assert!(world.heap.stats().bytes_reserved > 100);
    assert!(world.alloc(0, 0).is_none(), "what guests have is");
}

#[test]
fn endless_garbage_takes_constant_memory() {
    let mut world = World::new([node(), ObjectType::array(1, Box::new([1]), TRACED)]);
    let keep = list(&mut world, 100);
    let rounds = if cfg!(miri) { 5000 } else { 3_000_000u32 };
    let mut reserved_max = 0;
    for i in 0..rounds {
        let (ty, len) = if i % 3 == 0 { (1, i % 700) } else { (0, 0) };
        let bytes = world.types[ty].object_bytes(len);
        if world.heap.wants_collection(bytes) {
            world.collect(&[keep]);
        }
        world.alloc(ty, len).expect("memory");
        reserved_max = reserved_max.max(world.heap.stats().bytes_reserved);
    }
    assert!(reserved_max < 12 << 20, "{reserved_max} bytes");
    let stats = world.heap.stats();
    assert!(stats.collections >= u64::from(rounds) / 10_000, "{stats:?}");
    assert_eq!(stats.objects_allocated_total, u64::from(rounds) + 100);
    world.collect(&[keep]);
    assert_eq!(world.objects(), 100);
}

#[test]
fn thresholds() {
    let mut world = World::new([ObjectType::array(1, Box::new([1]), Storage::I8)]);
    assert!(!world.heap.wants_collection(4 << 20));
    assert!(world.heap.wants_collection((4 << 20) + 1));
    let array = world.alloc(0, 10 << 20).expect("memory");
    assert!(world.heap.wants_collection(16));
    world.collect(&[object_to_raw(array)]);
    assert!(!world.heap.wants_collection(10 << 20), "as much as lives");
    assert!(world.heap.wants_collection(11 << 20));
    world.heap.set_zeal(true);
    assert!(world.heap.wants_collection(0));
}

#[test]
fn full_heaps_are_not_collected_again_and_again() {
    let mut world = World::new([node()]);
    world.heap.set_bytes_max(Some(1 << 17));
    let mut roots = Vec::new();
    while let Some(object) = world.alloc(0, 0) {
        roots.push(object_to_raw(object));
    }
    roots.truncate(roots.len() - 10);
    world.collect(&roots);
    assert!(!world.heap.has_room(), "almost nothing was freed");
    roots.truncate(roots.len() / 2);
    world.collect(&roots);
    assert!(world.heap.has_room(), "half of it was");
    while world.alloc(0, 0).is_some() {}
    // Nothing is allocated in between, but what lived is dead.
    world.collect(&[]);
    assert!(world.heap.has_room());
}

/// A generator of numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }
}

/// Arrays that refer to each other at random, against a model: after each collection exactly
/// those that the model reaches are alive, with all that they hold.
#[test]
fn random_graphs() {
    let mut random = Random(1);
    let mut world = World::new([ObjectType::array(1, Box::new([1]), TRACED)]);
    /// An object of the model: its address and what it refers to.
    struct Object {
        raw: u64,
        edges: Vec<Option<usize>>,
    }
    let mut model: Vec<Object> = Vec::new();
    let mut roots: Vec<usize> = Vec::new();
    let (rounds, births) = if cfg!(miri) { (4, 25) } else { (300, 200) };
    for _ in 0..rounds {
        for _ in 0..births {
            let size = match random.below(20) {
                0 => random.below(1000),
                _ => random.below(8),
            };
            let array = world.alloc(0, size as u32).expect("memory");
            roots.push(model.len());
            model.push(Object {
                raw: object_to_raw(array),
                edges: vec![None; size],
            });
        }
        for _ in 0..births * 4 {
            let from = random.below(model.len());
            if model[from].edges.is_empty() {
                continue;
            }
            let at = random.below(model[from].edges.len());
            let to = (random.below(4) > 0).then(|| random.below(model.len()));
            model[from].edges[at] = to;
            let raw = to.map_or_else(|| i31_to_raw(at as i32), |to| model[to].raw);
            let object = raw_to_object(model[from].raw).expect("an object");
            // SAFETY: everything in the model is alive.
            unsafe {
                store(
                    object,
                    element_offset(TRACED, at as u32),
                    TRACED,
                    raw.into(),
                )
            }
        }
        roots.retain(|_| random.below(3) > 0);
        let raws: Vec<u64> = roots.iter().map(|&i| model[i].raw).collect();
        world.collect(&raws);

        let mut reached = vec![false; model.len()];
        let mut work = roots.clone();
        while let Some(i) = work.pop() {
            if !std::mem::replace(&mut reached[i], true) {
                work.extend(model[i].edges.iter().flatten());
            }
        }
        let mut number = 0;
        let numbers: Vec<usize> = reached
            .iter()
            .map(|&alive| {
                number += usize::from(alive);
                number.wrapping_sub(1)
            })
            .collect();
        assert_eq!(world.objects(), number as u64);
        roots.iter_mut().for_each(|i| *i = numbers[*i]);
        let mut alive = reached.iter();
        model.retain(|_| *alive.next().expect("one for each"));
        for object in &mut model {
            for i in object.edges.iter_mut().flatten() {
                *i = numbers[*i];
            }
        }
        for object in &model {
            let at = raw_to_object(object.raw).expect("an object");
            for (i, edge) in object.edges.iter().enumerate() {
                // SAFETY: the model says that it is alive.
                let raw =
                    unsafe { load(at, element_offset(TRACED, i as u32), TRACED, false) } as u64;
                match edge {
                    Some(to) => assert_eq!(raw, model[*to].raw),
                    None => assert!(raw_to_object(raw).is_none()),
                }
            }
        }
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "reference to an object that was freed")]
fn lost_roots_are_noticed() {
    let mut world = World::new([node()]);
    let keep = world.alloc(0, 0).expect("memory");
    let lost = world.alloc(0, 0).expect("memory");
    world.collect(&[object_to_raw(keep)]);
    world.collect(&[object_to_raw(lost)]);
}

#[test]
fn headers_are_pinned() {
    assert_eq!((HEADER_BYTES, align_of::<Header>()), (16, 16));
}
