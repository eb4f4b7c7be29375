/* Finding the end of a server's reply without buffering it: only packet headers and first bytes are
 * looked at, rows pass untouched. The server side always has DEPRECATE_EOF; for a client without it
 * the parser says where the classic EOF belongs, and renumbers the packets behind it in place.
 *
 *            0x00 / 0xff                              0xfe, 0xff
 *   FIRST ---------------------------------------> (terminator) --MORE_RESULTS--> FIRST
 *     |  n columns            n-th definition seen      ^      \--otherwise-----> END
 *     +-----------> COLUMNS ----------------------> ROWS
 *     |  0xfb
 *     +-----------> INFILE event; the caller sends the file, then FIRST again
 *
 * Source: protocol pages "com_query", "resultset", "com_stmt_prepare", "com_stmt_execute",
 * "com_stmt_fetch"; measured on MariaDB 10.11. A progress report (ERR packet with code 0xffff, sent
 * to clients with MARIADB_CLIENT_PROGRESS) is no terminator and passes. */
#ifndef CAUSEWAY_PROTO_RESULT_H
#define CAUSEWAY_PROTO_RESULT_H

#include "proxy/base/bytes.h"

enum result_shape {
    RESULT_SHAPE_NONE,    /* the command has no reply */
    RESULT_SHAPE_SIMPLE,  /* one OK, EOF or ERR */
    RESULT_SHAPE_TEXT,    /* one packet of text (COM_STATISTICS), or ERR */
    RESULT_SHAPE_ROWS,    /* any number of OKs and result sets, or ERR, or LOCAL INFILE */
    RESULT_SHAPE_FIELDS,  /* definitions up to an EOF (COM_FIELD_LIST), or ERR */
    RESULT_SHAPE_PREPARE, /* the answer to COM_STMT_PREPARE */
    RESULT_SHAPE_FETCH,   /* rows up to an EOF (COM_STMT_FETCH; COM_BINLOG_DUMP: events), or ERR */
};

enum result_event_kind {
    /* The bytes are used up, or those left must stay until more have come; or the reply is complete
     * (ask result_ended) and what is left belongs to the next one. */
    RESULT_EVENT_NEED,
    /* A client without DEPRECATE_EOF expects an EOF packet here, with event.seq; the packets behind
     * it are numbered one higher from then on. Reported only when the parser was opened with
     * legacy_eof: once the first byte behind the definitions of a result set is there, and behind
     * each block of a PREPARE answer that is not empty. Not reported when the packet behind the
     * definitions is an OK with SERVER_STATUS_CURSOR_EXISTS (an opened cursor: the definitions' EOF
     * is the last packet): there only the OK event comes. With MORE_RESULTS beside it that flag is
     * a procedure's own cursor, and the result set an ordinary one. The answer to COM_FIELD_LIST
     * has one EOF only, its terminator. What a server puts into that EOF: see result_foresee. */
    RESULT_EVENT_INSERT_EOF,
    /* A whole packet that the caller must look at, at data[consumed], event.packet_len bytes with
     * its header. It is NOT consumed: the caller forwards it or writes its own, with event.seq, and
     * calls result_take() to go on behind it. */
    RESULT_EVENT_OK, /* OK, or the terminator of a result set (0xfe) */
    RESULT_EVENT_ERR,
    RESULT_EVENT_COLUMNS,    /* the number of columns, when tells_columns is set; go on with
                                result_take_columns() */
    RESULT_EVENT_PREPARE_OK, /* first packet of a PREPARE answer (12 bytes of payload or more) */
    /* 0xfb: the server asks for a file. The client numbers its packets on from event.seq; the
     * server wants them seq_shift lower. */
    RESULT_EVENT_INFILE,
    /* The reply is malformed; the connection to that server is of no use any more. */
    RESULT_EVENT_BAD,
};

struct result_event {
    enum result_event_kind kind;
    size_t packet_len; /* OK, ERR, COLUMNS, PREPARE_OK, INFILE: header and payload */
    size_t need_bytes; /* NEED: from data[consumed] on, so many bytes must be there to go on; 1 when
                          everything was consumed */
    uint8_t seq;       /* the sequence number that the client must see on that packet */
};

struct result_parser {
    uint8_t shape;
    uint8_t state;
    uint8_t seq_shift; /* added to the sequence numbers of the packets that pass */
    bool legacy_eof;
    bool cursor_asked;  /* the caller may set it behind result_open: COM_STMT_EXECUTE asked for a
                           cursor. An ERR behind the definitions then has no EOF before it. */
    bool tells_columns; /* the caller may set it as well: see RESULT_EVENT_COLUMNS */
    bool eof_due;       /* the definitions are through, their EOF not yet reported */
    bool continued; /* the last header said 0xffffff: the next packet goes on with that payload */
    uint16_t warnings;     /* PREPARE: as its OK says, and the EOFs behind it */
    uint8_t last_seq;      /* of the last packet passed or taken, as the server numbered it */
    uint32_t payload_left; /* of the packet that is passing */
    uint32_t definitions_left;
    uint32_t definitions_next; /* PREPARE: the columns, behind the parameters */
    uint32_t results;          /* of this reply that are complete */
    uint64_t rows;             /* rows of the result set under way; for metrics */
};

/* The largest control packet (OK, ERR …) that a server may send: more is malformed. */
enum { RESULT_CONTROL_PACKET_MAX = 1 << 20 };

/* Rows and definitions up to this length pass whole or not at all; of longer ones a part may pass.
 */
enum { RESULT_HELD_PACKET_MAX = 8 << 10 };

void result_open(struct result_parser *parser, enum result_shape shape, bool legacy_eof);

/* Goes through data[0..len): passes as many bytes as can be forwarded as they are (sequence numbers
 * are corrected in place where seq_shift is not 0) and returns their number, with `event` saying
 * why it stopped. Call again from there. */
size_t result_feed(struct result_parser *parser, uint8_t *data, size_t len,
                   struct result_event *event);

/* Takes the control packet that the last event named: for OK `status` is its status (MORE_RESULTS
 * keeps the reply open), for PREPARE_OK the counts are read from `packet`. After an INFILE event
 * the parser expects the server's final OK or ERR. `packet` points at its header. */
void result_take(struct result_parser *parser, const struct result_event *event,
                 const uint8_t *packet, uint16_t status);

/* Takes the COLUMNS packet of the last event. With `drop` the definitions behind it, which are all
 * there, are not for the client: the caller goes on behind them, too, and the packets that follow
 * are numbered lower. */
void result_take_columns(struct result_parser *parser, const struct result_event *event,
                         unsigned count, bool drop);

/* What a server without DEPRECATE_EOF would have put into the EOF behind the definitions. Call it
 * on INSERT_EOF with the bytes behind what was consumed. When the terminator of the result set is
 * among them: true, and its status, which is that of the EOF too (measured; but EXPLAIN and the
 * like set NO_INDEX_USED later). Otherwise false: the status is then best taken from the last
 * reply, without the flags of a statement. Changes nothing. */
bool result_foresee(const struct result_parser *parser, const uint8_t *data, size_t len,
                    uint16_t *status);

/* True when the reply is complete. */
bool result_ended(const struct result_parser *parser);

#endif
