#include "test.h"

#include "base/map.h"
#include "base/prng.h"

TEST(map_behaves_like_a_table_under_random_operations)
{
    struct map m;
    map_init(&m);
    struct prng p = prng_seed(7);
    static int present[512];
    memset(present, 0, sizeof present);
    for (int i = 0; i < 20000; i++) {
        uint64_t key = prng_below(&p, 512);
        if (prng_chance(&p, 1, 2)) {
            void *old = map_put_u64(&m, key, &present[key]);
            assert_ptr_equal(old, present[key] ? &present[key] : NULL);
            present[key] = 1;
        } else {
            void *old = map_remove_u64(&m, key);
            assert_ptr_equal(old, present[key] ? &present[key] : NULL);
            present[key] = 0;
        }
    }
    uint32_t count = 0;
    for (uint64_t key = 0; key < 512; key++) {
        assert_ptr_equal(map_get_u64(&m, key), present[key] ? &present[key] : NULL);
        count += (uint32_t)present[key];
    }
    assert_int_equal(m.count, count);
    map_free(&m);
}

TEST(map_iterates_in_insertion_order)
{
    struct map m;
    map_init(&m);
    int values[100];
    for (uint64_t i = 0; i < 100; i++) map_put_u64(&m, i * 7919, &values[i]);
    for (uint32_t i = 0; i < 100; i++) assert_ptr_equal(m.entries[i].value, &values[i]);
    map_free(&m);
}
