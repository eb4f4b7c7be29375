/* A statement without its literals, for people: see statement_fingerprint in classify.h. */
#include "router/classify.h"
#include "router/lex.h"

#include <assert.h>

struct writer {
    char *out;
    size_t len;
    size_t room; /* without the terminator */
};

/* Control characters would garble the log. */
static void write_bytes(struct writer *writer, struct span text)
{
    for (size_t i = 0; i < text.len && writer->len < writer->room; i++) {
        uint8_t byte = text.data[i];
        bool control = byte < ' ' || byte == 0x7f;
        writer->out[writer->len++] = control ? '?' : (char)byte;
    }
}

/* The cut must not leave half a character at the end. */
static void trim_half_character(struct writer *writer)
{
    size_t lead = writer->len;
    size_t tail = 0;
    while (lead > 0 && tail < 3 && ((uint8_t)writer->out[lead - 1] & 0xc0) == 0x80) {
        lead--;
        tail++;
    }
    if (lead == 0)
        return;
    uint8_t byte = (uint8_t)writer->out[lead - 1];
    size_t wanted = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
    if (byte >= 0x80 && tail < wanted)
        writer->len = lead - 1;
}

static void write_token(struct writer *writer, const struct token *token)
{
    bool literal =
        token->kind == TOKEN_STRING || token->kind == TOKEN_NUMBER || token->kind == TOKEN_BAD;
    if (token->spaced && writer->len > 0)
        write_bytes(writer, span_text(" "));
    write_bytes(writer, literal ? span_text("?") : token->text);
}

size_t statement_fingerprint(struct span sql, unsigned lex_mode, char *out, size_t size)
{
    assert(size > 0);
    struct writer writer = {.out = out, .room = size - 1};
    struct lexer lexer;
    struct token token;
    lex_start(&lexer, sql, lex_mode);
    lex_next(&lexer, &token);
    while (token.kind != TOKEN_END && writer.len < writer.room && !lexer.doubt) {
        write_token(&writer, &token);
        lex_next(&lexer, &token);
    }
    /* Where the text may be read in two ways, nobody knows what is a literal. */
    if (lexer.doubt && writer.len < writer.room)
        write_bytes(&writer, span_text(writer.len > 0 ? " ?" : "?"));
    if (writer.len == writer.room)
        trim_half_character(&writer);
    out[writer.len] = '\0';
    return writer.len;
}
