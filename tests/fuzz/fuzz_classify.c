/* Any bytes as a statement: the judgement ends, stays inside the text, and is the same each time.
 * The first byte gives the lexer's modes, and the size of the fingerprint's buffer. */
#include "router/classify.h"
#include "router/own_words.h"
#include "router/routine_body.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void must_be_inside(struct span part, struct span whole)
{
    if (part.len > 0)
        must(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void check_class(struct span sql, unsigned mode)
{
    struct statement_class class, again;
    classify(sql, mode, &class);
    classify(sql, mode, &again);
    must(class.target == again.target && class.flags == again.flags);
    must(class.digest == again.digest && class.hint.to == again.hint.to);
    must_be_inside(class.hint.server, sql);
    must_be_inside(class.hint.consistency, sql);
    must_be_inside(class.hint.key, sql);
    must_be_inside(class.hint.bad, sql);
    must(class.hint.present || (class.hint.to == HINT_NONE && class.hint.bad.len == 0));
    must(class.hint.key.len <= HINT_KEY_MAX_BYTES);
    must((class.hint.consistency.len > 0) == (hint_consistency(&class.hint) >= 0));
    /* A statement that a follower may run can only be one of several, never more than a read. */
    const uint32_t of_any = CLASS_PLAIN_READ;
    if (class.target == CLASS_READ)
        must((class.flags & ~(CLASS_MULTI | of_any)) == 0 && (class.flags & of_any) != 0);
    if (class.target == CLASS_READ_TRX) /* its beginning ends LOCK TABLES */
        must((class.flags & ~(of_any | CLASS_HOLDS)) == 0);
    if (class.target == CLASS_PREVIOUS)
        must((class.flags & ~of_any) == 0);
    if ((class.flags & (CLASS_OPAQUE | CLASS_ON_REQUEST)) != 0)
        must((class.flags & CLASS_PLAIN_READ) != 0);
}

/* What a body leaves when nothing is known is at least what it leaves when something is. */
static void check_body(struct span sql, unsigned mode)
{
    static struct routines some;
    const struct routines none = {0};
    if (!some.known) {
        some.known = true;
        names_add(&some.procedures, ROUTINE_SEEN, span_text("d"), span_text("p"));
        names_add(&some.functions, ROUTINE_SEEN | LEAVES_VARIABLES, span_text("d"), span_text("f"));
        names_add(&some.settings, 1, span_text(""), span_text("sql_mode"));
    }
    unsigned known = routine_body_leaves(sql, mode, &some, "d");
    unsigned unknown = routine_body_leaves(sql, mode, &none, NULL);
    must((known & ~unknown) == 0);
    must((unknown & ~(unsigned)LEAVES_UNKNOWN) == 0);
}

/* What is one of Causeway's own words, the classifier has pointed at; what is refused, too. */
static void check_own_words(struct span sql, unsigned mode)
{
    struct own_words own;
    memset(&own, 0xa5, sizeof(own));
    int result = own_words_parse(sql, mode, &own);
    must(result == 0 || result == -ENOENT || result == -EINVAL);
    must((result == -ENOENT) == (own.what == OWN_NONE));
    must((own.error[0] != '\0') == (result == -EINVAL || own.parameter));
    must(strnlen(own.error, sizeof(own.error)) < sizeof(own.error));
    must(own.value_len <= sizeof(own.value) && own.title_len <= sizeof(own.title));
    if (own.what == OWN_SET_KEY && result == 0)
        must(own.value_len <= OWN_KEY_MAX_BYTES);
    struct statement_class class;
    classify(sql, mode, &class);
    if (result == 0)
        must((class.flags & CLASS_OWN_WORD) != 0 && (class.flags & CLASS_MULTI) == 0);
}

static void check_fingerprint(struct span sql, unsigned mode, size_t size)
{
    char *out = malloc(size);
    must(out != NULL);
    size_t len = statement_fingerprint(sql, mode, out, size);
    must(len < size && out[len] == '\0');
    must(strnlen(out, size) == len);
    for (size_t i = 0; i < len; i++)
        must((uint8_t)out[i] >= ' ');
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span sql = span_of(data + 1, size - 1);
    unsigned mode = data[0] & 7u;
    check_class(sql, mode);
    check_body(sql, mode);
    check_own_words(sql, mode);
    check_fingerprint(sql, mode, 1 + (data[0] >> 3) * 8u);
    return 0;
}
