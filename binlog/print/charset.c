/* Collations by number, and conversion to UTF-8 by the C library. */
#include "binlog/print/charset.h"

#include <iconv.h>
#include <stdio.h>

enum {
    NOPAD_FIRST = 1024,   /* a collation's variant without padding: its number and 1024 */
    UCA1400_FIRST = 2048, /* 256 numbers a charset, 8 a language */
    UCA1400_LAST = 3327,
    MYSQL_UTF8MB4_FIRST = 255, /* utf8mb4_0900_ai_ci and its kin */
    MYSQL_UTF8MB4_LAST = 323,
};

/* X(number, name) */
/* clang-format off */
#define COLLATIONS(X) \
    X(1, "big5_chinese_ci") X(2, "latin2_czech_cs") X(3, "dec8_swedish_ci") \
    X(4, "cp850_general_ci") X(5, "latin1_german1_ci") X(6, "hp8_english_ci") \
    X(7, "koi8r_general_ci") X(8, "latin1_swedish_ci") X(9, "latin2_general_ci") \
    X(10, "swe7_swedish_ci") X(11, "ascii_general_ci") X(12, "ujis_japanese_ci") \
    X(13, "sjis_japanese_ci") X(14, "cp1251_bulgarian_ci") X(15, "latin1_danish_ci") \
    X(16, "hebrew_general_ci") X(18, "tis620_thai_ci") X(19, "euckr_korean_ci") \
    X(20, "latin7_estonian_cs") X(21, "latin2_hungarian_ci") X(22, "koi8u_general_ci") \
    X(23, "cp1251_ukrainian_ci") X(24, "gb2312_chinese_ci") X(25, "greek_general_ci") \
    X(26, "cp1250_general_ci") X(27, "latin2_croatian_ci") X(28, "gbk_chinese_ci") \
    X(29, "cp1257_lithuanian_ci") X(30, "latin5_turkish_ci") X(31, "latin1_german2_ci") \
    X(32, "armscii8_general_ci") X(33, "utf8mb3_general_ci") X(34, "cp1250_czech_cs") \
    X(35, "ucs2_general_ci") X(36, "cp866_general_ci") X(37, "keybcs2_general_ci") \
    X(38, "macce_general_ci") X(39, "macroman_general_ci") X(40, "cp852_general_ci") \
    X(41, "latin7_general_ci") X(42, "latin7_general_cs") X(43, "macce_bin") \
    X(44, "cp1250_croatian_ci") X(45, "utf8mb4_general_ci") X(46, "utf8mb4_bin") \
    X(47, "latin1_bin") X(48, "latin1_general_ci") X(49, "latin1_general_cs") \
    X(50, "cp1251_bin") X(51, "cp1251_general_ci") X(52, "cp1251_general_cs") \
    X(53, "macroman_bin") X(54, "utf16_general_ci") X(55, "utf16_bin") \
    X(56, "utf16le_general_ci") X(57, "cp1256_general_ci") X(58, "cp1257_bin") \
    X(59, "cp1257_general_ci") X(60, "utf32_general_ci") X(61, "utf32_bin") X(62, "utf16le_bin") \
    X(63, "binary") X(64, "armscii8_bin") X(65, "ascii_bin") X(66, "cp1250_bin") \
    X(67, "cp1256_bin") X(68, "cp866_bin") X(69, "dec8_bin") X(70, "greek_bin") \
    X(71, "hebrew_bin") X(72, "hp8_bin") X(73, "keybcs2_bin") X(74, "koi8r_bin") \
    X(75, "koi8u_bin") X(77, "latin2_bin") X(78, "latin5_bin") X(79, "latin7_bin") \
    X(80, "cp850_bin") X(81, "cp852_bin") X(82, "swe7_bin") X(83, "utf8mb3_bin") \
    X(84, "big5_bin") X(85, "euckr_bin") X(86, "gb2312_bin") X(87, "gbk_bin") X(88, "sjis_bin") \
    X(89, "tis620_bin") X(90, "ucs2_bin") X(91, "ujis_bin") X(92, "geostd8_general_ci") \
    X(93, "geostd8_bin") X(94, "latin1_spanish_ci") X(95, "cp932_japanese_ci") \
    X(96, "cp932_bin") X(97, "eucjpms_japanese_ci") X(98, "eucjpms_bin") \
    X(99, "cp1250_polish_ci") X(101, "utf16_unicode_ci") X(102, "utf16_icelandic_ci") \
    X(103, "utf16_latvian_ci") X(104, "utf16_romanian_ci") X(105, "utf16_slovenian_ci") \
    X(106, "utf16_polish_ci") X(107, "utf16_estonian_ci") X(108, "utf16_spanish_ci") \
    X(109, "utf16_swedish_ci") X(110, "utf16_turkish_ci") X(111, "utf16_czech_ci") \
    X(112, "utf16_danish_ci") X(113, "utf16_lithuanian_ci") X(114, "utf16_slovak_ci") \
    X(115, "utf16_spanish2_ci") X(116, "utf16_roman_ci") X(117, "utf16_persian_ci") \
    X(118, "utf16_esperanto_ci") X(119, "utf16_hungarian_ci") X(120, "utf16_sinhala_ci") \
    X(121, "utf16_german2_ci") X(122, "utf16_croatian_mysql561_ci") \
    X(123, "utf16_unicode_520_ci") X(124, "utf16_vietnamese_ci") X(128, "ucs2_unicode_ci") \
    X(129, "ucs2_icelandic_ci") X(130, "ucs2_latvian_ci") X(131, "ucs2_romanian_ci") \
    X(132, "ucs2_slovenian_ci") X(133, "ucs2_polish_ci") X(134, "ucs2_estonian_ci") \
    X(135, "ucs2_spanish_ci") X(136, "ucs2_swedish_ci") X(137, "ucs2_turkish_ci") \
    X(138, "ucs2_czech_ci") X(139, "ucs2_danish_ci") X(140, "ucs2_lithuanian_ci") \
    X(141, "ucs2_slovak_ci") X(142, "ucs2_spanish2_ci") X(143, "ucs2_roman_ci") \
    X(144, "ucs2_persian_ci") X(145, "ucs2_esperanto_ci") X(146, "ucs2_hungarian_ci") \
    X(147, "ucs2_sinhala_ci") X(148, "ucs2_german2_ci") X(149, "ucs2_croatian_mysql561_ci") \
    X(150, "ucs2_unicode_520_ci") X(151, "ucs2_vietnamese_ci") \
    X(159, "ucs2_general_mysql500_ci") X(160, "utf32_unicode_ci") X(161, "utf32_icelandic_ci") \
    X(162, "utf32_latvian_ci") X(163, "utf32_romanian_ci") X(164, "utf32_slovenian_ci") \
    X(165, "utf32_polish_ci") X(166, "utf32_estonian_ci") X(167, "utf32_spanish_ci") \
    X(168, "utf32_swedish_ci") X(169, "utf32_turkish_ci") X(170, "utf32_czech_ci") \
    X(171, "utf32_danish_ci") X(172, "utf32_lithuanian_ci") X(173, "utf32_slovak_ci") \
    X(174, "utf32_spanish2_ci") X(175, "utf32_roman_ci") X(176, "utf32_persian_ci") \
    X(177, "utf32_esperanto_ci") X(178, "utf32_hungarian_ci") X(179, "utf32_sinhala_ci") \
    X(180, "utf32_german2_ci") X(181, "utf32_croatian_mysql561_ci") \
    X(182, "utf32_unicode_520_ci") X(183, "utf32_vietnamese_ci") X(192, "utf8mb3_unicode_ci") \
    X(193, "utf8mb3_icelandic_ci") X(194, "utf8mb3_latvian_ci") X(195, "utf8mb3_romanian_ci") \
    X(196, "utf8mb3_slovenian_ci") X(197, "utf8mb3_polish_ci") X(198, "utf8mb3_estonian_ci") \
    X(199, "utf8mb3_spanish_ci") X(200, "utf8mb3_swedish_ci") X(201, "utf8mb3_turkish_ci") \
    X(202, "utf8mb3_czech_ci") X(203, "utf8mb3_danish_ci") X(204, "utf8mb3_lithuanian_ci") \
    X(205, "utf8mb3_slovak_ci") X(206, "utf8mb3_spanish2_ci") X(207, "utf8mb3_roman_ci") \
    X(208, "utf8mb3_persian_ci") X(209, "utf8mb3_esperanto_ci") X(210, "utf8mb3_hungarian_ci") \
    X(211, "utf8mb3_sinhala_ci") X(212, "utf8mb3_german2_ci") \
    X(213, "utf8mb3_croatian_mysql561_ci") X(214, "utf8mb3_unicode_520_ci") \
    X(215, "utf8mb3_vietnamese_ci") X(223, "utf8mb3_general_mysql500_ci") \
    X(224, "utf8mb4_unicode_ci") X(225, "utf8mb4_icelandic_ci") X(226, "utf8mb4_latvian_ci") \
    X(227, "utf8mb4_romanian_ci") X(228, "utf8mb4_slovenian_ci") X(229, "utf8mb4_polish_ci") \
    X(230, "utf8mb4_estonian_ci") X(231, "utf8mb4_spanish_ci") X(232, "utf8mb4_swedish_ci") \
    X(233, "utf8mb4_turkish_ci") X(234, "utf8mb4_czech_ci") X(235, "utf8mb4_danish_ci") \
    X(236, "utf8mb4_lithuanian_ci") X(237, "utf8mb4_slovak_ci") X(238, "utf8mb4_spanish2_ci") \
    X(239, "utf8mb4_roman_ci") X(240, "utf8mb4_persian_ci") X(241, "utf8mb4_esperanto_ci")
/* clang-format on */

static const struct {
    uint16_t id;
    const char *name;
} collations[] = {
#define X(id, name) {id, name},
    COLLATIONS(X)
#undef X
};

static const char *const uca1400_charsets[] = {"utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"};

static const char *const uca1400_languages[] = {
    "",         "icelandic_",  "latvian_",    "romanian_",  "slovenian_",
    "polish_",  "estonian_",   "spanish_",    "swedish_",   "turkish_",
    "czech_",   "danish_",     "lithuanian_", "slovak_",    "spanish2_",
    "roman_",   "persian_",    "esperanto_",  "hungarian_", "sinhala_",
    "german2_", "vietnamese_", "croatian_",
};

static const char *const uca1400_variants[] = {
    "ai_ci", "ai_cs", "as_ci", "as_cs", "nopad_ai_ci", "nopad_ai_cs", "nopad_as_ci", "nopad_as_cs",
};

/* The servers' charsets under the C library's names; what isn't here has no converter. */
static const struct {
    const char *name;
    const char *converter;
} converters[] = {
    {"latin1", "CP1252"},      {"ascii", "ASCII"},       {"ucs2", "UCS-2BE"},
    {"utf16", "UTF-16BE"},     {"utf16le", "UTF-16LE"},  {"utf32", "UTF-32BE"},
    {"cp1250", "CP1250"},      {"cp1251", "CP1251"},     {"cp1256", "CP1256"},
    {"cp1257", "CP1257"},      {"cp850", "CP850"},       {"cp852", "CP852"},
    {"cp866", "CP866"},        {"latin2", "ISO-8859-2"}, {"latin5", "ISO-8859-9"},
    {"latin7", "ISO-8859-13"}, {"greek", "ISO-8859-7"},  {"hebrew", "ISO-8859-8"},
    {"koi8r", "KOI8-R"},       {"koi8u", "KOI8-U"},      {"big5", "BIG5"},
    {"gbk", "CP936"},          {"gb2312", "GB2312"},     {"euckr", "EUC-KR"},
    {"sjis", "SHIFT_JIS"},     {"cp932", "CP932"},       {"ujis", "EUC-JP"},
    {"eucjpms", "EUC-JP-MS"},  {"tis620", "TIS-620"},    {"macroman", "MACINTOSH"},
    {"armscii8", "ARMSCII-8"},
};

static const char *base_name(uint32_t id)
{
    for (size_t i = 0; i < sizeof(collations) / sizeof(collations[0]); i++) {
        if (collations[i].id == id)
            return collations[i].name;
    }
    return NULL;
}

static bool uca1400_name(uint32_t id, char out[COLLATION_NAME_MAX])
{
    const size_t languages = sizeof(uca1400_languages) / sizeof(uca1400_languages[0]);
    uint32_t within = (id - UCA1400_FIRST) % 256;

    if (within / 8 >= languages)
        return false;
    snprintf(out, COLLATION_NAME_MAX, "%s_uca1400_%s%s",
             uca1400_charsets[(id - UCA1400_FIRST) / 256], uca1400_languages[within / 8],
             uca1400_variants[within % 8]);
    return true;
}

static bool nopad_name(uint32_t id, char out[COLLATION_NAME_MAX])
{
    const char *base = base_name(id - NOPAD_FIRST);
    const char *ending = base ? strrchr(base, '_') : NULL;

    if (ending == NULL)
        return false;
    snprintf(out, COLLATION_NAME_MAX, "%.*s_nopad%s", (int)(ending - base), base, ending);
    return true;
}

bool collation_name(uint32_t id, char out[COLLATION_NAME_MAX])
{
    const char *base;

    if (id >= UCA1400_FIRST && id <= UCA1400_LAST)
        return uca1400_name(id, out);
    if (id >= NOPAD_FIRST)
        return nopad_name(id, out);
    base = base_name(id);
    if (base == NULL)
        return false;
    snprintf(out, COLLATION_NAME_MAX, "%s", base);
    return true;
}

bool collation_charset(uint32_t id, char out[CHARSET_NAME_MAX])
{
    char name[COLLATION_NAME_MAX];

    if (id >= MYSQL_UTF8MB4_FIRST && id <= MYSQL_UTF8MB4_LAST) {
        snprintf(out, CHARSET_NAME_MAX, "utf8mb4");
        return true;
    }
    if (!collation_name(id, name))
        return false;
    snprintf(out, CHARSET_NAME_MAX, "%.*s", (int)strcspn(name, "_"), name);
    return true;
}

/* Bytes of the sequence that starts at `at`, 0 when it is not well-formed. */
static size_t utf8_sequence(struct span text, size_t at)
{
    const uint8_t *p = text.data + at;
    size_t left = text.len - at;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (len == 0 || len > left || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool utf8_is_valid(struct span text)
{
    size_t step;

    for (size_t at = 0; at < text.len; at += step) {
        step = utf8_sequence(text, at);
        if (step == 0)
            return false;
    }
    return true;
}

/* The servers' latin1 gives the five bytes that CP1252 leaves free the code points of their own
 * numbers, so that every byte is a character. */
static void latin1_to_utf8(iconv_t converter, struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = (char)text.data[i];
        char *from = &byte;
        size_t from_left = 1;
        char *to = (char *)buf_reserve(out, 4);
        size_t to_left = 4;

        if (text.data[i] >= 0x80 &&
            iconv(converter, &from, &from_left, &to, &to_left) == (size_t)-1) {
            iconv(converter, NULL, NULL, NULL, NULL);
            buf_append_u8(out, (uint8_t)(0xc0 | text.data[i] >> 6));
            buf_append_u8(out, (uint8_t)(0x80 | (text.data[i] & 0x3f)));
        } else if (text.data[i] < 0x80) {
            buf_append_u8(out, text.data[i]);
        } else {
            out->len += 4 - to_left;
        }
    }
}

static bool convert(iconv_t converter, struct span text, struct buf *out)
{
    size_t start = out->len;
    char *from = (char *)(uintptr_t)text.data;
    size_t from_left = text.len;
    size_t room = text.len * 4 + 4; /* no charset's byte becomes more than four of UTF-8 */
    char *to = (char *)buf_reserve(out, room);
    size_t to_left = room;

    if (iconv(converter, &from, &from_left, &to, &to_left) != (size_t)-1 && from_left == 0) {
        out->len += room - to_left;
        return true;
    }
    out->len = start;
    return false;
}

bool charset_to_utf8(uint32_t collation, struct span text, struct buf *out)
{
    char charset[CHARSET_NAME_MAX];
    const char *name = NULL;
    iconv_t converter;
    bool done = true;

    if (!collation_charset(collation, charset))
        return false;
    if (strncmp(charset, "utf8", 4) == 0) {
        if (!utf8_is_valid(text))
            return false;
        buf_append_span(out, text);
        return true;
    }
    for (size_t i = 0; i < sizeof(converters) / sizeof(converters[0]); i++) {
        if (strcmp(converters[i].name, charset) == 0)
            name = converters[i].converter;
    }
    converter = name ? iconv_open("UTF-8", name) : (iconv_t)-1;
    if (converter == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr) */
        return false;
    if (strcmp(charset, "latin1") == 0)
        latin1_to_utf8(converter, text, out);
    else
        done = convert(converter, text, out);
    iconv_close(converter);
    return done;
}
