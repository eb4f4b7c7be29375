/* See classify_words.h. A table for each first letter, sorted; test_classify checks the order. */
#include "router/classify_words.h"

// clang-format off
#define WORD(text, word, means) {text, sizeof(text) - 1, word, means}
#define PLAIN(text, means)      WORD(text, WORD_NONE, means)
#define CALL(text)              PLAIN(text, IS_CALL)
#define TIGHT(text)             PLAIN(text, IS_CALL_TIGHT)
#define PAREN(text)             PLAIN(text, IS_PAREN)
#define VARIABLE(text)          PLAIN(text, IS_VARIABLE)

static const struct word words_a[] = {
    CALL("abs"), CALL("acos"), CALL("add_months"), TIGHT("adddate"), CALL("addtime"),
    CALL("aes_decrypt"), CALL("aes_encrypt"), PAREN("all"), WORD("alter", WORD_ALTER, 0),
    WORD("analyze", WORD_ANALYZE, 0), PAREN("and"), PAREN("any"),
    PLAIN("applicable_roles", IS_SCHEMA_TABLE), CALL("area"), WORD("as", WORD_AS, IS_PAREN),
    CALL("asbinary"), CALL("ascii"), CALL("asin"), CALL("astext"), CALL("aswkb"), CALL("aswkt"),
    CALL("atan"), CALL("atan2"), VARIABLE("auto_increment_increment"), VARIABLE("autocommit"),
    CALL("avg"),
};

static const struct word words_b[] = {
    WORD("backup", WORD_HOLDS, IS_VERB), WORD("begin", WORD_BEGIN, 0), CALL("benchmark"), PAREN("between"),
    VARIABLE("big_tables"), PAREN("bigint"), CALL("bin"), PAREN("binary"),
    PLAIN("binlog_gtid_pos", IS_CALL_LEADER), PAREN("bit"), TIGHT("bit_and"), CALL("bit_count"),
    CALL("bit_length"), TIGHT("bit_or"), TIGHT("bit_xor"), PAREN("blob"), CALL("boundary"),
    CALL("buffer"), PAREN("by"),
};

static const struct word words_c[] = {
    PLAIN("cache", IS_VERB), WORD("call", WORD_CALL, 0), PAREN("case"), TIGHT("cast"), CALL("ceil"),
    CALL("ceiling"), CALL("centroid"), PLAIN("change", IS_VERB), PLAIN("char", IS_CALL | IS_PAREN),
    CALL("char_length"), WORD("character", WORD_CHARACTER, IS_CALL | IS_PAREN),
    CALL("character_length"), VARIABLE("character_set_client"),
    VARIABLE("character_set_connection"), VARIABLE("character_set_database"),
    VARIABLE("character_set_filesystem"), VARIABLE("character_set_results"),
    VARIABLE("character_set_server"), VARIABLE("character_set_system"),
    PLAIN("character_sets", IS_SCHEMA_TABLE), PLAIN("charset", IS_CALL | IS_SHOW),
    PLAIN("check", IS_PAREN | IS_VERB), PLAIN("check_constraints", IS_SCHEMA_TABLE),
    WORD("checksum", WORD_CHECKSUM, 0), CALL("chr"), CALL("coalesce"), CALL("coercibility"),
    PLAIN("collation", IS_CALL | IS_SHOW),
    PLAIN("collation_character_set_applicability", IS_SCHEMA_TABLE),
    VARIABLE("collation_connection"), VARIABLE("collation_database"), VARIABLE("collation_server"),
    PLAIN("collations", IS_SCHEMA_TABLE), CALL("column_add"), CALL("column_check"),
    CALL("column_create"), CALL("column_delete"), CALL("column_exists"), CALL("column_get"),
    CALL("column_json"), CALL("column_list"), PLAIN("column_privileges", IS_SCHEMA_TABLE),
    PLAIN("columns", IS_SCHEMA_TABLE | IS_SHOW), WORD("commit", WORD_QUIET, IS_VERB), CALL("compress"),
    CALL("concat"), CALL("concat_operator_oracle"), CALL("concat_ws"),
    WORD("connection", WORD_CONNECTION, 0), WORD("connection_id", WORD_CONNECTION_ID, IS_CALL_LEADER),
    WORD("consistent", WORD_CONSISTENT, 0), CALL("contains"), CALL("conv"), CALL("convert"),
    CALL("convert_tz"), CALL("convexhull"), CALL("cos"), CALL("cot"),
    WORD("count", WORD_COUNT, IS_CALL_TIGHT), CALL("crc32"), CALL("crc32c"),
    WORD("create", WORD_CREATE, 0), CALL("crosses"), TIGHT("cume_dist"), TIGHT("curdate"),
    WORD("current", WORD_CURRENT, 0), CALL("current_date"), CALL("current_role"),
    CALL("current_time"), CALL("current_timestamp"), CALL("current_user"),
    PLAIN("currval", IS_SEQUENCE), TIGHT("curtime"),
};

static const struct word words_d[] = {
    PLAIN("database", IS_CALL | IS_DDL_OBJECT | IS_SHOW_CREATE), PLAIN("databases", IS_SHOW),
    CALL("date"), TIGHT("date_add"), CALL("date_format"), TIGHT("date_sub"), CALL("datediff"),
    PAREN("datetime"), CALL("day"), CALL("dayname"), CALL("dayofmonth"), CALL("dayofweek"),
    CALL("dayofyear"), WORD("deallocate", WORD_HOLDS, IS_VERB), PAREN("dec"), PAREN("decimal"), CALL("decode"),
    CALL("decode_histogram"), CALL("decode_oracle"), WORD("default", WORD_DEFAULT, IS_CALL_LEADER),
    VARIABLE("default_storage_engine"), VARIABLE("default_week_format"), CALL("degrees"),
    WORD("delete", WORD_DELETE, IS_LEADER), TIGHT("dense_rank"), CALL("des_decrypt"),
    CALL("des_encrypt"), WORD("desc", WORD_DESCRIBE, 0), WORD("describe", WORD_DESCRIBE, 0),
    WORD("diagnostics", WORD_DIAGNOSTICS, 0), CALL("dimension"), CALL("disjoint"),
    PAREN("distinct"), PAREN("distinctrow"), PAREN("div"), VARIABLE("div_precision_increment"),
    WORD("do", WORD_DO, 0), PAREN("double"), WORD("drop", WORD_QUIET_HOLDS, IS_VERB | IS_DDL_VERB), PAREN("dual"),
    PLAIN("dumpfile", IS_LEADER),
};

static const struct word words_e[] = {
    PAREN("else"), CALL("elt"), PLAIN("enabled_roles", IS_SCHEMA_TABLE), CALL("encode"),
    CALL("encrypt"), WORD("end", WORD_END, 0), CALL("endpoint"), CALL("envelope"), CALL("equals"),
    PLAIN("error_count", IS_PREVIOUS_VARIABLE), WORD("errors", WORD_ERRORS, 0),
    PLAIN("event", IS_ROUTINE), PAREN("except"), PAREN("exclude"), WORD("execute", WORD_EXECUTE, 0),
    PAREN("exists"), CALL("exp"), WORD("explain", WORD_EXPLAIN, 0), WORD("export", WORD_EXPORT, 0),
    CALL("export_set"), WORD("extended", WORD_EXTENDED, 0), CALL("exteriorring"), TIGHT("extract"),
    CALL("extractvalue"),
};

static const struct word words_f[] = {
    PAREN("fetch"), CALL("field"), PLAIN("fields", IS_SHOW), CALL("find_in_set"),
    TIGHT("first_value"), PAREN("fixed"), PAREN("float"), CALL("floor"),
    WORD("flush", WORD_FLUSH, 0), WORD("for", WORD_FOR, 0), PAREN("force"),
    VARIABLE("foreign_key_checks"), WORD("format", WORD_FORMAT, IS_CALL),
    PLAIN("found_rows", IS_CALL_PREVIOUS), PAREN("from"), CALL("from_base64"), CALL("from_days"),
    CALL("from_unixtime"), WORD("full", WORD_FULL, 0),
    PLAIN("function", IS_ROUTINE | IS_SHOW_CREATE),
};

static const struct word words_g[] = {
    CALL("geomcollfromtext"), CALL("geomcollfromwkb"), PLAIN("geometry_columns", IS_SCHEMA_TABLE),
    CALL("geometrycollection"), CALL("geometrycollectionfromtext"),
    CALL("geometrycollectionfromwkb"), CALL("geometryfromtext"), CALL("geometryfromwkb"),
    CALL("geometryn"), CALL("geometrytype"), CALL("geomfromtext"), CALL("geomfromwkb"),
    WORD("get", WORD_GET, 0), CALL("get_format"), WORD("get_lock", WORD_LOCK_CALL, IS_CALL_LEADER),
    CALL("glength"), WORD("global", WORD_GLOBAL, 0), WORD("grant", WORD_QUIET, IS_VERB | IS_DDL_VERB), CALL("greatest"),
    PAREN("group"), TIGHT("group_concat"), VARIABLE("group_concat_max_len"),
};

static const struct word words_h[] = {
    WORD("handler", WORD_HOLDS, IS_VERB), PAREN("having"), WORD("help", WORD_HELP, 0), CALL("hex"),
    PAREN("high_priority"), CALL("hour"),
};

static const struct word words_i[] = {
    CALL("if"), CALL("ifnull"), PAREN("ignore"), PAREN("in"),
    PLAIN("index", IS_DDL_OBJECT | IS_PAREN),
    CALL("inet6_aton"), CALL("inet6_ntoa"), CALL("inet_aton"), CALL("inet_ntoa"),
    WORD("information_schema", WORD_INFORMATION_SCHEMA, 0), VARIABLE("init_connect"),
    VARIABLE("innodb_lock_wait_timeout"), WORD("insert", WORD_INSERT, IS_CALL),
    PLAIN("install", IS_VERB), CALL("instr"), PAREN("int"), PAREN("integer"),
    VARIABLE("interactive_timeout"), CALL("interiorringn"), PAREN("intersect"), CALL("intersects"),
    CALL("interval"), PLAIN("into", IS_LEADER | IS_PAREN), PAREN("is"),
    PLAIN("is_free_lock", IS_CALL_LEADER), CALL("is_ipv4"), CALL("is_ipv4_compat"),
    CALL("is_ipv4_mapped"), CALL("is_ipv6"), PLAIN("is_used_lock", IS_CALL_LEADER),
    CALL("isclosed"), CALL("isempty"), CALL("isnull"), CALL("isring"), CALL("issimple"),
};

static const struct word words_j[] = {
    PAREN("join"), CALL("json_array"), CALL("json_array_append"), CALL("json_array_insert"),
    TIGHT("json_arrayagg"), CALL("json_compact"), CALL("json_contains"), CALL("json_contains_path"),
    CALL("json_depth"), CALL("json_detailed"), CALL("json_equals"), CALL("json_exists"),
    CALL("json_extract"), CALL("json_insert"), CALL("json_keys"), CALL("json_length"),
    CALL("json_loose"), CALL("json_merge"), CALL("json_merge_patch"), CALL("json_merge_preserve"),
    CALL("json_normalize"), CALL("json_object"), TIGHT("json_objectagg"), CALL("json_overlaps"),
    CALL("json_pretty"), CALL("json_query"), CALL("json_quote"), CALL("json_remove"),
    CALL("json_replace"), CALL("json_search"), CALL("json_set"), CALL("json_table"),
    CALL("json_type"), CALL("json_unquote"), CALL("json_valid"), CALL("json_value"),
};

static const struct word words_k[] = {
    PAREN("key"), PLAIN("key_column_usage", IS_SCHEMA_TABLE), PAREN("keys"),
    PLAIN("keywords", IS_SCHEMA_TABLE), WORD("kill", WORD_KILL, 0),
};

static const struct word words_l[] = {
    TIGHT("lag"), CALL("last_day"), PLAIN("last_insert_id", IS_CALL_LEADER), CALL("last_value"),
    PLAIN("lastval", IS_CALL_LEADER), VARIABLE("lc_messages"), VARIABLE("lc_time_names"),
    CALL("lcase"), TIGHT("lead"), CALL("least"), CALL("left"), CALL("length"), CALL("lengthb"),
    VARIABLE("license"), PAREN("like"), PAREN("limit"), CALL("linefromtext"), CALL("linefromwkb"),
    CALL("linestring"), CALL("linestringfromtext"), CALL("linestringfromwkb"), CALL("ln"),
    WORD("load", WORD_LOAD, 0), PLAIN("load_file", IS_CALL_LEADER), WORD("local", WORD_SESSION, 0),
    CALL("localtime"), CALL("localtimestamp"), CALL("locate"), WORD("lock", WORD_LOCK, IS_LEADER),
    VARIABLE("lock_wait_timeout"), CALL("log"), CALL("log10"), CALL("log2"), CALL("lower"),
    VARIABLE("lower_case_file_system"), VARIABLE("lower_case_table_names"), CALL("lpad"),
    CALL("lpad_oracle"), CALL("ltrim"), CALL("ltrim_oracle"),
};

static const struct word words_m[] = {
    CALL("make_set"), CALL("makedate"), CALL("maketime"), PLAIN("master_gtid_wait", IS_CALL_LEADER),
    PLAIN("master_pos_wait", IS_CALL_LEADER), PAREN("match"), TIGHT("max"),
    VARIABLE("max_allowed_packet"), VARIABLE("max_join_size"), VARIABLE("max_sort_length"),
    VARIABLE("max_statement_time"), CALL("mbrcontains"), CALL("mbrdisjoint"), CALL("mbrequal"),
    CALL("mbrequals"), CALL("mbrintersects"), CALL("mbroverlaps"), CALL("mbrtouches"),
    CALL("mbrwithin"), CALL("md5"), TIGHT("median"), PAREN("mediumint"), CALL("microsecond"),
    TIGHT("mid"), TIGHT("min"), CALL("minute"), CALL("mlinefromtext"), CALL("mlinefromwkb"),
    CALL("mod"), CALL("month"), CALL("monthname"), CALL("mpointfromtext"), CALL("mpointfromwkb"),
    CALL("mpolyfromtext"), CALL("mpolyfromwkb"), CALL("multilinestring"),
    CALL("multilinestringfromtext"), CALL("multilinestringfromwkb"), CALL("multipoint"),
    CALL("multipointfromtext"), CALL("multipointfromwkb"), CALL("multipolygon"),
    CALL("multipolygonfromtext"), CALL("multipolygonfromwkb"), PLAIN("mysql", IS_SERVER_SCHEMA),
};

static const struct word words_n[] = {
    CALL("name_const"), PAREN("natural"), CALL("natural_sort_key"), PAREN("nchar"),
    VARIABLE("net_buffer_length"), VARIABLE("net_read_timeout"), VARIABLE("net_write_timeout"),
    WORD("next", WORD_NEXT, 0), PLAIN("nextval", IS_CALL_LEADER | IS_SEQUENCE), PAREN("not"),
    TIGHT("now"), TIGHT("nth_value"), TIGHT("ntile"), CALL("nullif"), PAREN("numeric"),
    CALL("numgeometries"), CALL("numinteriorrings"), CALL("numpoints"), PAREN("nvarchar"),
    CALL("nvl"), CALL("nvl2"),
};

static const struct word words_o[] = {
    CALL("oct"), CALL("octet_length"), PAREN("offset"), CALL("old_password"),
    VARIABLE("old_passwords"), PAREN("on"), WORD("only", WORD_ONLY, 0), PLAIN("optimize", IS_VERB),
    VARIABLE("optimizer_switch"), PAREN("or"), CALL("ord"), PAREN("order"),
    PLAIN("outfile", IS_LEADER), PAREN("over"), CALL("overlaps"),
};

static const struct word words_p[] = {
    PLAIN("package", IS_ROUTINE | IS_SHOW_CREATE), PLAIN("parameters", IS_SCHEMA_TABLE),
    PAREN("partition"), WORD("partitions", WORD_PARTITIONS, 0),
    WORD("password", WORD_PASSWORD, IS_CALL), TIGHT("percent_rank"), TIGHT("percentile_cont"),
    TIGHT("percentile_disc"), PLAIN("performance_schema", IS_SERVER_SCHEMA | IS_VARIABLE),
    CALL("period_add"), CALL("period_diff"), WORD("persist", WORD_GLOBAL, 0),
    WORD("persist_only", WORD_GLOBAL, 0), CALL("pi"), CALL("point"), CALL("pointfromtext"),
    CALL("pointfromwkb"), CALL("pointn"), CALL("pointonsurface"), CALL("polyfromtext"),
    CALL("polyfromwkb"), CALL("polygon"), CALL("polygonfromtext"), CALL("polygonfromwkb"),
    TIGHT("position"), CALL("pow"), CALL("power"), WORD("prepare", WORD_HOLDS, IS_VERB),
    WORD("previous", WORD_PREVIOUS, 0), PLAIN("procedure", IS_LEADER | IS_ROUTINE | IS_SHOW_CREATE),
    VARIABLE("protocol_version"), PLAIN("purge", IS_VERB),
};

static const struct word words_q[] = {
    CALL("quarter"), VARIABLE("query_cache_size"), VARIABLE("query_cache_type"), CALL("quote"),
};

static const struct word words_r[] = {
    CALL("radians"), CALL("rand"), CALL("random_bytes"), TIGHT("rank"), WORD("read", WORD_READ, 0),
    PAREN("real"), WORD("recursive", WORD_RECURSIVE, IS_PAREN),
    PLAIN("referential_constraints", IS_SCHEMA_TABLE), PAREN("regexp"), CALL("regexp_instr"),
    CALL("regexp_replace"), CALL("regexp_substr"), WORD("release", WORD_QUIET, IS_VERB),
    WORD("release_all_locks", WORD_LOCK_CALL, IS_CALL_LEADER), WORD("release_lock", WORD_LOCK_CALL, IS_CALL_LEADER),
    WORD("rename", WORD_QUIET_HOLDS, IS_VERB | IS_DDL_VERB), PLAIN("repair", IS_VERB), CALL("repeat"),
    WORD("replace", WORD_REPLACE, IS_CALL), CALL("replace_oracle"), PLAIN("reset", IS_VERB),
    PLAIN("resignal", IS_VERB), PAREN("return"), CALL("reverse"), WORD("revoke", WORD_QUIET, IS_VERB | IS_DDL_VERB),
    CALL("right"), PAREN("rlike"), WORD("role", WORD_ROLE, IS_DDL_OBJECT),
    WORD("rollback", WORD_QUIET, IS_VERB), WORD("rollup", WORD_ROLLUP, 0), CALL("round"),
    PLAIN("routines", IS_SCHEMA_TABLE), CALL("row"), PLAIN("row_count", IS_CALL_PREVIOUS),
    CALL("row_number"), CALL("rownum"), PAREN("rows"), CALL("rpad"), CALL("rpad_oracle"),
    CALL("rtrim"), CALL("rtrim_oracle"),
};

static const struct word words_s[] = {
    WORD("savepoint", WORD_QUIET, IS_VERB), PLAIN("schema", IS_CALL | IS_DDL_OBJECT | IS_SHOW_CREATE),
    PLAIN("schema_privileges", IS_SCHEMA_TABLE), PLAIN("schemas", IS_SHOW),
    PLAIN("schemata", IS_SCHEMA_TABLE), CALL("sec_to_time"), CALL("second"),
    WORD("select", WORD_SELECT, IS_PAREN), PLAIN("sequence", IS_DDL_OBJECT | IS_SHOW_CREATE),
    PLAIN("server", IS_DDL_OBJECT), WORD("session", WORD_SESSION, 0),
    WORD("session_track_schema", WORD_TRACKING, 0),
    WORD("session_track_state_change", WORD_TRACKING, 0),
    WORD("session_track_system_variables", WORD_TRACKING, 0),
    WORD("session_track_transaction_info", WORD_TRACKING, 0), TIGHT("session_user"),
    WORD("session_variables", WORD_TRACKING, 0),
    WORD("set", WORD_SET, IS_PAREN), PLAIN("setval", IS_CALL_LEADER), CALL("sformat"), CALL("sha"),
    CALL("sha1"), CALL("sha2"), WORD("share", WORD_SHARE, 0), WORD("show", WORD_SHOW, 0),
    PLAIN("shutdown", IS_VERB), CALL("sign"), PLAIN("signal", IS_VERB), CALL("sin"), WORD("skip", WORD_SKIP, 0), CALL("sleep"),
    PAREN("smallint"), WORD("snapshot", WORD_SNAPSHOT, 0), PAREN("some"), CALL("soundex"),
    PAREN("sounds"), CALL("space"), PLAIN("spatial_ref_sys", IS_SCHEMA_TABLE),
    VARIABLE("sql_auto_is_null"), PAREN("sql_big_result"), VARIABLE("sql_big_selects"),
    PAREN("sql_buffer_result"), PAREN("sql_cache"), PAREN("sql_calc_found_rows"),
    PLAIN("sql_functions", IS_SCHEMA_TABLE), VARIABLE("sql_mode"), PAREN("sql_no_cache"),
    VARIABLE("sql_notes"), VARIABLE("sql_quote_show_create"), VARIABLE("sql_safe_updates"),
    VARIABLE("sql_select_limit"), PAREN("sql_small_result"), CALL("sql_tsi_day"),
    CALL("sql_tsi_hour"), CALL("sql_tsi_minute"), CALL("sql_tsi_month"), CALL("sql_tsi_second"),
    CALL("sql_tsi_year"), VARIABLE("sql_warnings"), CALL("sqrt"), CALL("srid"), CALL("st_area"),
    CALL("st_asbinary"), CALL("st_asgeojson"), CALL("st_astext"), CALL("st_aswkb"),
    CALL("st_aswkt"), CALL("st_boundary"), CALL("st_buffer"), CALL("st_centroid"),
    CALL("st_contains"), CALL("st_convexhull"), CALL("st_crosses"), CALL("st_difference"),
    CALL("st_dimension"), CALL("st_disjoint"), CALL("st_distance"), CALL("st_distance_sphere"),
    CALL("st_endpoint"), CALL("st_envelope"), CALL("st_equals"), CALL("st_exteriorring"),
    CALL("st_geomcollfromtext"), CALL("st_geomcollfromwkb"), CALL("st_geometrycollectionfromtext"),
    CALL("st_geometrycollectionfromwkb"), CALL("st_geometryfromtext"), CALL("st_geometryfromwkb"),
    CALL("st_geometryn"), CALL("st_geometrytype"), CALL("st_geomfromgeojson"),
    CALL("st_geomfromtext"), CALL("st_geomfromwkb"), CALL("st_interiorringn"),
    CALL("st_intersection"), CALL("st_intersects"), CALL("st_isclosed"), CALL("st_isempty"),
    CALL("st_isring"), CALL("st_issimple"), CALL("st_length"), CALL("st_linefromtext"),
    CALL("st_linefromwkb"), CALL("st_linestringfromtext"), CALL("st_linestringfromwkb"),
    CALL("st_mlinefromtext"), CALL("st_mlinefromwkb"), CALL("st_mpointfromtext"),
    CALL("st_mpointfromwkb"), CALL("st_mpolyfromtext"), CALL("st_mpolyfromwkb"),
    CALL("st_multilinestringfromtext"), CALL("st_multilinestringfromwkb"),
    CALL("st_multipointfromtext"), CALL("st_multipointfromwkb"), CALL("st_multipolygonfromtext"),
    CALL("st_multipolygonfromwkb"), CALL("st_numgeometries"), CALL("st_numinteriorrings"),
    CALL("st_numpoints"), CALL("st_overlaps"), CALL("st_pointfromtext"), CALL("st_pointfromwkb"),
    CALL("st_pointn"), CALL("st_pointonsurface"), CALL("st_polyfromtext"), CALL("st_polyfromwkb"),
    CALL("st_polygonfromtext"), CALL("st_polygonfromwkb"), CALL("st_relate"), CALL("st_srid"),
    CALL("st_startpoint"), CALL("st_symdifference"), CALL("st_touches"), CALL("st_union"),
    CALL("st_within"), CALL("st_x"), CALL("st_y"), WORD("start", WORD_START, 0), CALL("startpoint"),
    WORD("statement", WORD_STATEMENT, 0),
    WORD("status", WORD_STATUS, 0), TIGHT("std"), TIGHT("stddev"), TIGHT("stddev_pop"),
    TIGHT("stddev_samp"), PLAIN("stop", IS_VERB), VARIABLE("storage_engine"), CALL("str_to_date"),
    PAREN("straight_join"), CALL("strcmp"), TIGHT("subdate"), TIGHT("substr"),
    CALL("substr_oracle"), TIGHT("substring"), CALL("substring_index"), CALL("subtime"),
    TIGHT("sum"), PLAIN("sys", IS_SERVER_SCHEMA), CALL("sys_guid"), CALL("sysdate"),
    WORD("system_time", WORD_SYSTEM_TIME, 0), VARIABLE("system_time_zone"), TIGHT("system_user"),
};

static const struct word words_t[] = {
    WORD("table", WORD_TABLE, IS_DDL_OBJECT | IS_PAREN),
    PLAIN("table_constraints", IS_SCHEMA_TABLE), PLAIN("table_privileges", IS_SCHEMA_TABLE),
    WORD("tables", WORD_TABLES, IS_SHOW), CALL("tan"),
    WORD("temporary", WORD_TEMPORARY, 0), PAREN("text"), PAREN("then"), CALL("time"),
    CALL("time_format"), CALL("time_to_sec"), VARIABLE("time_zone"), CALL("timediff"),
    CALL("timestamp"), CALL("timestampadd"), CALL("timestampdiff"), PAREN("tinyint"), PAREN("to"),
    CALL("to_base64"), CALL("to_char"), CALL("to_days"), CALL("to_seconds"), CALL("touches"),
    WORD("transaction", WORD_TRANSACTION, 0), VARIABLE("transaction_isolation"),
    PLAIN("trigger", IS_ROUTINE | IS_SHOW_CREATE), PLAIN("triggers", IS_SCHEMA_TABLE | IS_SHOW),
    TIGHT("trim"), TIGHT("trim_oracle"), WORD("truncate", WORD_QUIET, IS_CALL | IS_VERB | IS_DDL_VERB),
    VARIABLE("tx_isolation"),
};

static const struct word words_u[] = {
    CALL("ucase"), CALL("uncompress"), CALL("uncompressed_length"), CALL("unhex"),
    PLAIN("uninstall", IS_VERB), PAREN("union"), PAREN("unique"), VARIABLE("unique_checks"),
    CALL("unix_timestamp"), WORD("unlock", WORD_UNLOCK, 0), PAREN("unsigned"),
    WORD("update", WORD_UPDATE, IS_LEADER | IS_PAREN), CALL("updatexml"), CALL("upper"),
    WORD("use", WORD_USE, IS_PAREN), PLAIN("user", IS_CALL | IS_DDL_OBJECT),
    PLAIN("user_privileges", IS_SCHEMA_TABLE), PAREN("using"), CALL("utc_date"), CALL("utc_time"),
    CALL("utc_timestamp"), CALL("uuid"), PLAIN("uuid_short", IS_CALL_LEADER),
};

static const struct word words_v[] = {
    WORD("value", WORD_VALUE, IS_PAREN), WORD("values", WORD_VALUES, IS_PAREN), TIGHT("var_pop"),
    TIGHT("var_samp"), PAREN("varbinary"), PAREN("varchar"), WORD("variables", WORD_TRACKING, 0),
    TIGHT("variance"),
    PLAIN("version", IS_CALL | IS_VARIABLE), VARIABLE("version_comment"),
    VARIABLE("version_compile_machine"), VARIABLE("version_compile_os"),
    PLAIN("view", IS_DDL_OBJECT | IS_SHOW_CREATE), PLAIN("views", IS_SCHEMA_TABLE),
};

static const struct word words_w[] = {
    VARIABLE("wait_timeout"), PLAIN("warning_count", IS_PREVIOUS_VARIABLE),
    WORD("warnings", WORD_WARNINGS, 0), CALL("week"), CALL("weekday"), CALL("weekofyear"),
    CALL("weight_string"), PAREN("when"), PAREN("where"), PAREN("while"),
    WORD("with", WORD_WITH, IS_PAREN), CALL("within"), WORD("work", WORD_WORK, 0),
    PLAIN("wsrep_last_seen_gtid", IS_CALL_LEADER), PLAIN("wsrep_last_written_gtid", IS_CALL_LEADER),
    PLAIN("wsrep_sync_wait_upto_gtid", IS_CALL_LEADER),
};

static const struct word words_x[] = {
    CALL("x"), PLAIN("xa", IS_VERB), PAREN("xor"),
};

static const struct word words_y[] = {
    CALL("y"), CALL("year"), CALL("yearweek"),
};
// clang-format on

struct letter {
    const struct word *words;
    size_t count;
};

#define LETTER(table)                                                                              \
    {                                                                                              \
        table, sizeof(table) / sizeof(table[0])                                                    \
    }

static const struct letter letters['z' - 'a' + 1] = {
    ['a' - 'a'] = LETTER(words_a), ['b' - 'a'] = LETTER(words_b), ['c' - 'a'] = LETTER(words_c),
    ['d' - 'a'] = LETTER(words_d), ['e' - 'a'] = LETTER(words_e), ['f' - 'a'] = LETTER(words_f),
    ['g' - 'a'] = LETTER(words_g), ['h' - 'a'] = LETTER(words_h), ['i' - 'a'] = LETTER(words_i),
    ['j' - 'a'] = LETTER(words_j), ['k' - 'a'] = LETTER(words_k), ['l' - 'a'] = LETTER(words_l),
    ['m' - 'a'] = LETTER(words_m), ['n' - 'a'] = LETTER(words_n), ['o' - 'a'] = LETTER(words_o),
    ['p' - 'a'] = LETTER(words_p), ['q' - 'a'] = LETTER(words_q), ['r' - 'a'] = LETTER(words_r),
    ['s' - 'a'] = LETTER(words_s), ['t' - 'a'] = LETTER(words_t), ['u' - 'a'] = LETTER(words_u),
    ['v' - 'a'] = LETTER(words_v), ['w' - 'a'] = LETTER(words_w), ['x' - 'a'] = LETTER(words_x),
    ['y' - 'a'] = LETTER(words_y),
};

enum { LONGEST_WORD = 40 };

/* Below, equal, above 0: `text` (lower case) stands before, at, behind `word`. Words mostly differ
 * within the first few letters: a loop of our own is faster here than memcmp. */
static int word_compare(const char *text, size_t len, const struct word *word)
{
    size_t common = len < word->len ? len : word->len;
    for (size_t i = 1; i < common; i++) { /* the first letter is the table's */
        if (text[i] != word->name[i])
            return (uint8_t)text[i] < (uint8_t)word->name[i] ? -1 : 1;
    }
    return (int)len - (int)word->len;
}

const struct word *word_find(struct span text)
{
    char lower[LONGEST_WORD];
    if (text.len == 0 || text.len > sizeof(lower))
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        lower[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    if (lower[0] < 'a' || lower[0] > 'z')
        return NULL;
    const struct letter *letter = &letters[lower[0] - 'a'];
    size_t low = 0, high = letter->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = word_compare(lower, text.len, &letter->words[middle]);
        if (order == 0)
            return &letter->words[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
