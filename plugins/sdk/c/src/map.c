// A table from texts to numbers: open addressing, half full at most.

#include <stdlib.h>

#include "internal.h"

typedef struct slot {
    uint64_t hash; // 0 for a free one
    cb_str key;
    uint64_t value;
} slot;

struct cb_map {
    slot *slots;
    size_t size, used; // a power of two
    cb__arena keys;
};

static void *room(size_t n) {
    slot *slots = calloc(n, sizeof(slot));
    if (!slots) cb__die("out of memory");
    return slots;
}

cb_map *cb_map_new(void) {
    cb_map *map = malloc(sizeof *map);
    if (!map) cb__die("out of memory");
    *map = (cb_map){room(64), 64, 0, {0}};
    return map;
}

void cb_map_free(cb_map *map) {
    if (!map) return;
    cb__reset(&map->keys); // all but one chunk
    free(map->keys.chunks);
    free(map->slots);
    free(map);
}

size_t cb_map_size(const cb_map *map) { return map->used; }

// FNV-1a by eight bytes, then mixed: the low bits choose the slot.
static uint64_t hash(cb_str key) {
    uint64_t hash = key.ptr ? 0xcbf29ce484222325u : 0x9e3779b97f4a7c15u, word;
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) memcpy(&word, key.ptr + i, 8), hash = (hash ^ word) * 0x100000001b3u, hash ^= hash >> 29;
    for (; i < key.len; i++) hash = (hash ^ (unsigned char)key.ptr[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

static slot *find(const cb_map *map, cb_str key, uint64_t hash) {
    size_t i = hash & (map->size - 1);
    while (map->slots[i].hash && !(map->slots[i].hash == hash && cb_str_eq(map->slots[i].key, key))) i = (i + 1) & (map->size - 1);
    return &map->slots[i];
}

static void widen(cb_map *map) {
    cb_map wider = {room(map->size * 2), map->size * 2, map->used, map->keys};
    for (size_t i = 0; i < map->size; i++) {
        if (map->slots[i].hash) *find(&wider, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    }
    free(map->slots);
    *map = wider;
}

uint64_t *cb_map_find(cb_map *map, cb_str key) {
    slot *found = find(map, key, hash(key));
    return found->hash ? &found->value : NULL;
}

uint64_t *cb_map_add(cb_map *map, cb_str key, uint64_t value, bool *is_new) {
    if (map->used * 2 >= map->size) widen(map);
    uint64_t hashed = hash(key);
    slot *found = find(map, key, hashed);
    if (is_new) *is_new = !found->hash;
    if (!found->hash) {
        cb_str copy = key.ptr ? (cb_str){cb__copy(&map->keys, key.ptr, key.len), key.len} : key;
        *found = (slot){hashed, copy, value};
        map->used++;
    }
    return &found->value;
}
