/* The board of confirmed positions: one column a server, one cell a domain.
 *
 * Domains are named once for the whole board and never renamed, so a reader finds the row of a
 * domain without a lock. A reader loads the generation, the cells, and the generation again, each
 * with acquire: when it saw anything of the next incarnation in a cell it also sees the generation
 * that was made odd before. The writer's stores are release stores in that order. */
#include "binlog/positions.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    CACHE_LINE_BYTES = 64,
    READ_TRIES = 64,
};

/* domain + 1 in the low 33 bits; 0: this row is not named yet. */
typedef _Atomic uint64_t domain_name;

struct cell {
    /* Written in this order, read in the reverse one: a reader that finds `announced` equal to
     * `seq` has a `server` that belongs to both. */
    _Atomic uint64_t announced;
    _Atomic uint32_t server;
    _Atomic uint64_t seq;
};

struct column {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t generation;
    _Atomic uint32_t lag_ms;
    _Atomic uint64_t lag_transactions;
    struct cell cells[GTID_DOMAINS_MAX];
};

struct positions {
    _Alignas(CACHE_LINE_BYTES) domain_name domains[GTID_DOMAINS_MAX];
    struct column columns[POSITIONS_SERVERS_MAX];
};

struct positions *positions_new(void)
{
    struct positions *positions = aligned_alloc(CACHE_LINE_BYTES, sizeof(*positions));

    if (positions == NULL)
        abort(); /* the same end as in proxy/base/memory.c, which can't align */
    for (unsigned i = 0; i < GTID_DOMAINS_MAX; i++)
        atomic_init(&positions->domains[i], 0);
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++) {
        struct column *column = &positions->columns[slot];

        atomic_init(&column->generation, 2); /* so that 0 may mean "none" elsewhere */
        atomic_init(&column->lag_ms, UINT32_MAX);
        atomic_init(&column->lag_transactions, UINT64_MAX);
        for (unsigned i = 0; i < GTID_DOMAINS_MAX; i++) {
            atomic_init(&column->cells[i].announced, 0);
            atomic_init(&column->cells[i].server, 0);
            atomic_init(&column->cells[i].seq, 0);
        }
    }
    return positions;
}

void positions_free(struct positions *positions)
{
    free(positions);
}

/* The row of a domain, -1 when it has none. */
static int domain_find(const struct positions *positions, uint32_t domain)
{
    for (int row = 0; row < GTID_DOMAINS_MAX; row++) {
        uint64_t name = atomic_load_explicit(&positions->domains[row], memory_order_acquire);
        if (name == (uint64_t)domain + 1)
            return row;
        if (name == 0)
            return -1;
    }
    return -1;
}

/* As domain_find, naming a free row where needed. Writer only. */
static int domain_name_row(struct positions *positions, uint32_t domain)
{
    int row = domain_find(positions, domain);

    for (int free_row = 0; row < 0 && free_row < GTID_DOMAINS_MAX; free_row++) {
        if (atomic_load_explicit(&positions->domains[free_row], memory_order_relaxed) != 0)
            continue;
        atomic_store_explicit(&positions->domains[free_row], (uint64_t)domain + 1,
                              memory_order_release);
        row = free_row;
    }
    return row;
}

static void cell_store(struct cell *cell, uint32_t server, uint64_t seq)
{
    atomic_store_explicit(&cell->announced, seq, memory_order_release);
    atomic_store_explicit(&cell->server, server, memory_order_release);
    atomic_store_explicit(&cell->seq, seq, memory_order_release);
}

int positions_confirm(struct positions *positions, unsigned slot,
                      const struct gtid_vector *confirmed)
{
    struct column *column;
    bool rose = false;
    bool full = false;

    assert(slot < POSITIONS_SERVERS_MAX);
    column = &positions->columns[slot];
    for (uint32_t i = 0; i < confirmed->count; i++) {
        const struct gtid *gtid = &confirmed->slots[i];
        int row = domain_name_row(positions, gtid->domain);

        if (row < 0) {
            full = true;
            continue;
        }
        if (gtid->seq > atomic_load_explicit(&column->cells[row].seq, memory_order_relaxed)) {
            cell_store(&column->cells[row], gtid->server, gtid->seq);
            rose = true;
        }
    }
    if (full)
        return -E2BIG;
    return rose;
}

void positions_forget(struct positions *positions, unsigned slot)
{
    struct column *column;
    uint32_t generation;

    assert(slot < POSITIONS_SERVERS_MAX);
    column = &positions->columns[slot];
    generation = atomic_load_explicit(&column->generation, memory_order_relaxed);
    atomic_store_explicit(&column->generation, generation + 1, memory_order_release);
    for (unsigned i = 0; i < GTID_DOMAINS_MAX; i++)
        cell_store(&column->cells[i], 0, 0);
    atomic_store_explicit(&column->lag_ms, UINT32_MAX, memory_order_release);
    atomic_store_explicit(&column->lag_transactions, UINT64_MAX, memory_order_release);
    atomic_store_explicit(&column->generation, generation + 2, memory_order_release);
}

void positions_set_lag_ms(struct positions *positions, unsigned slot, uint32_t lag_ms)
{
    assert(slot < POSITIONS_SERVERS_MAX);
    atomic_store_explicit(&positions->columns[slot].lag_ms, lag_ms, memory_order_relaxed);
}

uint32_t positions_lag_ms(const struct positions *positions, unsigned slot)
{
    assert(slot < POSITIONS_SERVERS_MAX);
    return atomic_load_explicit(&positions->columns[slot].lag_ms, memory_order_relaxed);
}

void positions_set_lag_transactions(struct positions *positions, unsigned slot, uint64_t count)
{
    assert(slot < POSITIONS_SERVERS_MAX);
    atomic_store_explicit(&positions->columns[slot].lag_transactions, count, memory_order_relaxed);
}

uint64_t positions_lag_transactions(const struct positions *positions, unsigned slot)
{
    assert(slot < POSITIONS_SERVERS_MAX);
    return atomic_load_explicit(&positions->columns[slot].lag_transactions, memory_order_relaxed);
}

uint32_t positions_generation(const struct positions *positions, unsigned slot)
{
    assert(slot < POSITIONS_SERVERS_MAX);
    return atomic_load_explicit(&positions->columns[slot].generation, memory_order_acquire);
}

/* The confirmed sequence of that domain; 0 for one that nobody has confirmed. */
static uint64_t column_seq(const struct positions *positions, const struct column *column,
                           uint32_t domain)
{
    int row = domain_find(positions, domain);

    return row < 0 ? 0 : atomic_load_explicit(&column->cells[row].seq, memory_order_acquire);
}

bool positions_covers(const struct positions *positions, unsigned slot, uint32_t generation,
                      const struct gtid_vector *required)
{
    const struct column *column;

    assert(slot < POSITIONS_SERVERS_MAX);
    column = &positions->columns[slot];
    if (generation % 2 != 0 ||
        atomic_load_explicit(&column->generation, memory_order_acquire) != generation)
        return false;
    for (uint32_t i = 0; i < required->count; i++) {
        if (column_seq(positions, column, required->slots[i].domain) < required->slots[i].seq)
            return false;
    }
    return atomic_load_explicit(&column->generation, memory_order_acquire) == generation;
}

unsigned positions_domain_count(const struct positions *positions)
{
    unsigned count = 0;
    while (count < GTID_DOMAINS_MAX &&
           atomic_load_explicit(&positions->domains[count], memory_order_acquire) != 0)
        count++;
    return count;
}

/* A sequence and the server that wrote it. While the writer is between its stores the server can't
 * be told; 0 after so many tries. */
static struct gtid cell_read(const struct cell *cell, uint32_t domain)
{
    struct gtid gtid = {.domain = domain};

    for (int tries = 0; tries < READ_TRIES; tries++) {
        gtid.seq = atomic_load_explicit(&cell->seq, memory_order_acquire);
        gtid.server = atomic_load_explicit(&cell->server, memory_order_acquire);
        if (atomic_load_explicit(&cell->announced, memory_order_acquire) == gtid.seq)
            return gtid;
    }
    gtid.server = 0;
    return gtid;
}

static bool column_read(const struct positions *positions, const struct column *column,
                        struct gtid_vector *out)
{
    uint32_t generation = atomic_load_explicit(&column->generation, memory_order_acquire);

    out->count = 0;
    if (generation % 2 != 0)
        return false;
    for (int row = 0; row < GTID_DOMAINS_MAX; row++) {
        uint64_t name = atomic_load_explicit(&positions->domains[row], memory_order_acquire);
        struct gtid gtid;

        if (name == 0)
            break;
        gtid = cell_read(&column->cells[row], (uint32_t)(name - 1));
        if (gtid.seq > 0 && gtid_vector_raise(out, &gtid) < 0)
            assert(false); /* a vector has room for as many domains as the board */
    }
    return atomic_load_explicit(&column->generation, memory_order_acquire) == generation;
}

void positions_read(const struct positions *positions, unsigned slot, struct gtid_vector *out)
{
    assert(slot < POSITIONS_SERVERS_MAX);
    for (int tries = 0; tries < READ_TRIES; tries++) {
        if (column_read(positions, &positions->columns[slot], out))
            return;
    }
    out->count = 0; /* nothing is confirmed while an incarnation ends */
}
