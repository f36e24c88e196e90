/*
 * What SQLite itself costs: executes the statements of ProbeStore's write path with the same
 * durability, from values that lie in memory, and times the transactions and nothing else.
 *
 *   baseline SCHEMA SOURCE TARGET FRAMES...
 *
 * SOURCE is a store of one journal that the program under test has written; TARGET is made anew with
 * schema.sql and gets the same rows. FRAMES are the frames of each commit, in order. Prints
 * "seconds processor-seconds rows values".
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEVELS = 5, KEY = 5 };
static const long long LENGTHS[LEVELS] = {64, 512, 4096, 32768, 262144};

typedef struct {
  int type;
  int length;
  union {
    sqlite3_int64 integer;
    double real;
    char *text;
  } as;
} Cell;

typedef struct {
  int columns;
  size_t rows;
  Cell *cells;
} Table;

typedef struct {
  long long block, length, start, gaps, ratios;
  double gap_sum, gap_min, gap_max, ratio_sum, ratio_min, ratio_max;
} Span;

static void fail(sqlite3 *db, const char *what) {
  fprintf(stderr, "baseline: %s: %s\n", what, db ? sqlite3_errmsg(db) : "out of memory");
  exit(1);
}

static void execute(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail(db, sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    fail(db, sql);
  return statement;
}

static Table load(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = prepare(db, sql);
  Table table = {sqlite3_column_count(statement), 0, NULL};
  size_t room = 0;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    if (table.rows == room) {
      room = room ? 2 * room : 1024;
      table.cells = realloc(table.cells, room * table.columns * sizeof(Cell));
      if (!table.cells) fail(NULL, "load");
    }
    Cell *cell = table.cells + table.rows++ * table.columns;
    for (int i = 0; i < table.columns; i++, cell++) {
      cell->type = sqlite3_column_type(statement, i);
      if (cell->type == SQLITE_INTEGER) {
        cell->as.integer = sqlite3_column_int64(statement, i);
      } else if (cell->type == SQLITE_FLOAT) {
        cell->as.real = sqlite3_column_double(statement, i);
      } else if (cell->type == SQLITE_TEXT) {
        cell->length = sqlite3_column_bytes(statement, i);
        cell->as.text = strdup((const char *)sqlite3_column_text(statement, i));
      }
    }
  }
  sqlite3_finalize(statement);
  return table;
}

static void bind(sqlite3_stmt *statement, int place, const Cell *cell) {
  switch (cell->type) {
  case SQLITE_INTEGER: sqlite3_bind_int64(statement, place, cell->as.integer); break;
  case SQLITE_FLOAT: sqlite3_bind_double(statement, place, cell->as.real); break;
  case SQLITE_TEXT:
    sqlite3_bind_text(statement, place, cell->as.text, cell->length, SQLITE_STATIC);
    break;
  default: sqlite3_bind_null(statement, place);
  }
}

static void run(sqlite3 *db, sqlite3_stmt *statement) {
  int code = sqlite3_step(statement);
  if (code != SQLITE_DONE && code != SQLITE_ROW) fail(db, sqlite3_sql(statement));
  sqlite3_reset(statement);
}

static void insert(sqlite3 *db, sqlite3_stmt *statement, const Table *table, size_t row) {
  for (int i = 0; i < table->columns; i++)
    bind(statement, i + 1, table->cells + row * table->columns + i);
  run(db, statement);
}

/* "INSERT INTO name (columns of the table) VALUES (?, ...)" */
static sqlite3_stmt *inserter(sqlite3 *db, const char *name) {
  char *sql = sqlite3_mprintf("SELECT * FROM %s", name);
  sqlite3_stmt *columns = prepare(db, sql);
  sqlite3_free(sql);
  sqlite3_str *text = sqlite3_str_new(db);
  sqlite3_str_appendf(text, "INSERT INTO %s (", name);
  int count = sqlite3_column_count(columns);
  for (int i = 0; i < count; i++)
    sqlite3_str_appendf(text, "%s%s", i ? ", " : "", sqlite3_column_name(columns, i));
  sqlite3_str_appendall(text, ") VALUES (");
  for (int i = 0; i < count; i++) sqlite3_str_appendall(text, i ? ", ?" : "?");
  sqlite3_str_appendall(text, ")");
  sql = sqlite3_str_finish(text);
  sqlite3_finalize(columns);
  sqlite3_stmt *statement = prepare(db, sql);
  sqlite3_free(sql);
  return statement;
}

static int compare(const void *a, const void *b) {
  const Span *left = a, *right = b;
  if (left->length != right->length) return left->length < right->length ? -1 : 1;
  if (left->block != right->block) return left->block < right->block ? -1 : 1;
  return left->start < right->start ? -1 : left->start > right->start;
}

/* The spans that the rows from first on touch, summed up, in the order of their key. */
static size_t sum_up(const Table *rows, size_t first, size_t end, int gap, int ratio, Span *spans) {
  size_t count = 0;
  for (size_t row = first; row < end; row++) {
    const Cell *cells = rows->cells + row * rows->columns;
    double g = cells[gap].as.real, r = cells[ratio].as.real;
    for (int level = 0; level < LEVELS; level++) {
      long long step = cells[3].as.integer;
      Span one = {cells[4].as.integer, LENGTHS[level], step / LENGTHS[level] * LENGTHS[level],
                  1, 1, log(fmax(g, 0x1p-20)), g, g, log(fmax(r, 0x1p-20)), r, r};
      spans[count++] = one;
    }
  }
  qsort(spans, count, sizeof(Span), compare);
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (kept == 0 || compare(&spans[kept - 1], &spans[i]) != 0) {
      spans[kept++] = spans[i];
      continue;
    }
    Span *into = &spans[kept - 1];
    into->gaps += 1;
    into->gap_sum += spans[i].gap_sum;
    into->gap_min = fmin(into->gap_min, spans[i].gap_min);
    into->gap_max = fmax(into->gap_max, spans[i].gap_max);
    into->ratios += 1;
    into->ratio_sum += spans[i].ratio_sum;
    into->ratio_min = fmin(into->ratio_min, spans[i].ratio_min);
    into->ratio_max = fmax(into->ratio_max, spans[i].ratio_max);
  }
  return kept;
}

static const char UPSERT[] =
    "INSERT INTO block_rollup (run_id, attempt_id, rank, block_id, span, start,"
    " identity_gap_n, identity_gap_log_sum, identity_gap_min, identity_gap_max,"
    " residual_ratio_n, residual_ratio_log_sum, residual_ratio_min, residual_ratio_max)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET"
    " identity_gap_n = identity_gap_n + excluded.identity_gap_n,"
    " identity_gap_log_sum = identity_gap_log_sum + excluded.identity_gap_log_sum,"
    " identity_gap_min = min(coalesce(identity_gap_min, excluded.identity_gap_min),"
    " coalesce(excluded.identity_gap_min, identity_gap_min)),"
    " identity_gap_max = max(coalesce(identity_gap_max, excluded.identity_gap_max),"
    " coalesce(excluded.identity_gap_max, identity_gap_max)),"
    " residual_ratio_n = residual_ratio_n + excluded.residual_ratio_n,"
    " residual_ratio_log_sum = residual_ratio_log_sum + excluded.residual_ratio_log_sum,"
    " residual_ratio_min = min(coalesce(residual_ratio_min, excluded.residual_ratio_min),"
    " coalesce(excluded.residual_ratio_min, residual_ratio_min)),"
    " residual_ratio_max = max(coalesce(residual_ratio_max, excluded.residual_ratio_max),"
    " coalesce(excluded.residual_ratio_max, residual_ratio_max))";

static void upsert(sqlite3 *db, sqlite3_stmt *statement, const Cell *key, const Span *span) {
  for (int i = 0; i < 3; i++) bind(statement, i + 1, key + i);
  sqlite3_bind_int64(statement, 4, span->block);
  sqlite3_bind_int64(statement, 5, span->length);
  sqlite3_bind_int64(statement, 6, span->start);
  sqlite3_bind_int64(statement, 7, span->gaps);
  sqlite3_bind_double(statement, 8, span->gap_sum);
  sqlite3_bind_double(statement, 9, span->gap_min);
  sqlite3_bind_double(statement, 10, span->gap_max);
  sqlite3_bind_int64(statement, 11, span->ratios);
  sqlite3_bind_double(statement, 12, span->ratio_sum);
  sqlite3_bind_double(statement, 13, span->ratio_min);
  sqlite3_bind_double(statement, 14, span->ratio_max);
  run(db, statement);
}

static int column(sqlite3 *db, const char *name) {
  sqlite3_stmt *all = prepare(db, "SELECT * FROM block_statistics");
  for (int i = 0; i < sqlite3_column_count(all); i++) {
    if (strcmp(sqlite3_column_name(all, i), name)) continue;
    sqlite3_finalize(all);
    return i;
  }
  fail(db, name);
  return -1;
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(NULL, path);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = calloc(size + 1, 1);
  if (!text || fread(text, 1, size, file) != (size_t)size) fail(NULL, path);
  fclose(file);
  return text;
}

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  if (count < 5) return 2;
  sqlite3 *source, *db;
  if (sqlite3_open_v2(arguments[2], &source, SQLITE_OPEN_READONLY, NULL)) fail(source, "open");
  static const char *const once[] = {"store", "run", "attempt", "journal", "block"};
  enum { ONCE = sizeof once / sizeof *once };
  Table first[ONCE];
  for (int i = 0; i < ONCE; i++) {
    char *sql = sqlite3_mprintf("SELECT * FROM %s", once[i]);
    first[i] = load(source, sql);
    sqlite3_free(sql);
  }
  Table frames = load(source, "SELECT * FROM frame ORDER BY step");
  Table rows = load(source, "SELECT * FROM block_statistics ORDER BY step, block_id");
  Table metrics = load(source, "SELECT * FROM metric ORDER BY step");
  int gap = column(source, "identity_gap_p50"), ratio = column(source, "residual_ratio_p50");
  size_t values = 0;
  for (size_t i = 0; i < rows.rows * rows.columns; i++)
    values += i % rows.columns >= KEY && rows.cells[i].type != SQLITE_NULL;

  /* What each commit takes, made ready before the clock starts. */
  int commits = count - 4;
  size_t *frame_end = calloc(commits, sizeof(size_t)), *row_end = calloc(commits, sizeof(size_t));
  size_t *metric_end = calloc(commits, sizeof(size_t)), *span_end = calloc(commits, sizeof(size_t));
  Span *spans = malloc(rows.rows * LEVELS * sizeof(Span));
  if (!frame_end || !row_end || !metric_end || !span_end || !spans) fail(NULL, "commits");
  size_t frame = 0, row = 0, metric = 0, span = 0;
  for (int i = 0; i < commits; i++) {
    size_t begin = row;
    frame += strtoul(arguments[i + 4], NULL, 10);
    if (frame > frames.rows) frame = frames.rows;
    sqlite3_int64 last = frame ? frames.cells[(frame - 1) * frames.columns + 3].as.integer : -1;
    while (row < rows.rows && rows.cells[row * rows.columns + 3].as.integer <= last) row++;
    while (metric < metrics.rows && metrics.cells[metric * metrics.columns + 4].as.integer <= last)
      metric++;
    span += sum_up(&rows, begin, row, gap, ratio, spans + span);
    frame_end[i] = frame, row_end[i] = row, metric_end[i] = metric, span_end[i] = span;
  }
  if (frame != frames.rows) fail(NULL, "the commits do not add up to the frames");

  /* As Store.openForWriting: GRDB's connection without SQLite's mutex, foreign keys on. */
  if (sqlite3_open_v2(arguments[3], &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL))
    fail(db, "open");
  execute(db, "PRAGMA foreign_keys = ON; PRAGMA page_size = 8192; PRAGMA trusted_schema = OFF;"
              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
              "PRAGMA wal_autocheckpoint = 4000; BEGIN IMMEDIATE");
  execute(db, read_file(arguments[1]));
  execute(db, "COMMIT");
  sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT");
  sqlite3_stmt *insert_once[ONCE];
  for (int i = 0; i < ONCE; i++) insert_once[i] = inserter(db, once[i]);
  sqlite3_stmt *insert_frame = inserter(db, "frame"), *insert_row = inserter(db, "block_statistics");
  sqlite3_stmt *insert_metric = prepare(
      db, "INSERT INTO metric (run_id, attempt_id, rank, key, step, value) VALUES (?, ?, ?, ?, ?, ?)"
          " ON CONFLICT DO UPDATE SET value = excluded.value");
  sqlite3_stmt *merge = prepare(db, UPSERT);
  sqlite3_stmt *known = prepare(
      db, "SELECT 1 FROM frame WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step = ?");
  sqlite3_stmt *offset = prepare(
      db, "SELECT s.offset FROM journal_segment AS s JOIN journal AS j ON j.id = s.journal_id"
          " WHERE j.uuid = ? AND s.segment = ?");
  sqlite3_stmt *note = prepare(
      db, "INSERT INTO journal_segment (journal_id, segment, offset, damage) VALUES (?, 0, ?, NULL)"
          " ON CONFLICT (journal_id, segment) DO UPDATE SET"
          " offset = excluded.offset, damage = excluded.damage");
  sqlite3_stmt *seen = prepare(
      db, "UPDATE run SET last_seen_at = max(last_seen_at, ?), verdicts_due = max(verdicts_due, 1)"
          " WHERE id = ?");
  const Table *journal = &first[3];

  double start = now(CLOCK_MONOTONIC), start_busy = now(CLOCK_PROCESS_CPUTIME_ID);
  frame = row = metric = span = 0;
  for (int i = 0; i < commits; i++) {
    run(db, begin);
    if (i == 0)
      for (int table = 0; table < ONCE; table++)
        for (size_t one = 0; one < first[table].rows; one++)
          insert(db, insert_once[table], &first[table], one);
    bind(offset, 1, &journal->cells[1]);
    sqlite3_bind_int64(offset, 2, 0);
    run(db, offset);
    for (; frame < frame_end[i]; frame++) {
      const Cell *cells = frames.cells + frame * frames.columns;
      for (int key = 0; key < 4; key++) bind(known, key + 1, cells + key);
      run(db, known);
      insert(db, insert_frame, &frames, frame);
      for (; row < row_end[i]; row++) {
        if (rows.cells[row * rows.columns + 3].as.integer != cells[3].as.integer) break;
        insert(db, insert_row, &rows, row);
      }
      for (; metric < metric_end[i]; metric++) {
        if (metrics.cells[metric * metrics.columns + 4].as.integer != cells[3].as.integer) break;
        insert(db, insert_metric, &metrics, metric);
      }
    }
    for (; span < span_end[i]; span++) upsert(db, merge, rows.cells, &spans[span]);
    bind(note, 1, &journal->cells[0]);
    sqlite3_bind_int64(note, 2, (sqlite3_int64)row);
    run(db, note);
    bind(seen, 1, &frames.cells[(frame - 1) * frames.columns + 9]);
    bind(seen, 2, &first[1].cells[0]);
    run(db, seen);
    run(db, commit);
  }
  printf("%.6f %.6f %zu %zu\n", now(CLOCK_MONOTONIC) - start,
         now(CLOCK_PROCESS_CPUTIME_ID) - start_busy, rows.rows, values);
  return 0;
}
