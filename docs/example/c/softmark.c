/* Softmax and its kin in C, judged by Softmark: one file, C99, no dependency.
 *
 *     cc -O2 -std=c99 -o softmark_c softmark.c -lm
 *     python -m conformance --targets exec:./softmark_c
 *
 * The first half is the functions that are judged. The second half speaks Softmark's protocol (docs/protocol.md)
 * and can stay as it is for functions of your own.
 *
 * Do not compile with -ffast-math: the functions rely on infinities and NaN.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the functions: a row is n doubles, which hold float32 exactly ---- */

/* The sum of exp(x[i] - max) over all i but `at`, in pairs: its error grows with log n. */
static double sum_of_exponentials(const double *x, size_t first, size_t end, size_t at, double max) {
    if (end - first <= 16) {
        double sum = 0;
        for (size_t i = first; i < end; i++)
            if (i != at) sum += exp(x[i] - max);
        return sum;
    }
    size_t middle = first + (end - first) / 2;
    return sum_of_exponentials(x, first, middle, at, max) + sum_of_exponentials(x, middle, end, at, max);
}

typedef struct {
    double max;  /* the largest logit */
    double rest; /* the sum of exp(x - max) over the others, so that log1p(rest) loses no digit */
} Row;

static Row row_of(const double *x, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[at] || isnan(x[i])) at = i;
    Row row = {n ? x[at] : -INFINITY, 0};
    row.rest = sum_of_exponentials(x, 0, n, at, row.max);
    if (isnan(row.max) || isinf(row.max)) row.rest = n ? row.max - row.max : 0; /* NaN: no shift is defined */
    return row;
}

static void softmax(const double *x, size_t n, double *y) {
    Row row = row_of(x, n);
    for (size_t i = 0; i < n; i++) y[i] = exp(x[i] - row.max) / (1 + row.rest);
}

static void log_softmax(const double *x, size_t n, double *y) {
    Row row = row_of(x, n);
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - row.max) - log1p(row.rest);
}

static double logsumexp(const double *x, size_t n) {
    Row row = row_of(x, n);
    if (isinf(row.max)) return row.max; /* of -inf alone it is -inf, beside +inf it is +inf */
    return row.max + log1p(row.rest);
}

/* A label out of range has no loss. */
static double cross_entropy(const double *x, size_t n, long long label) {
    Row row = row_of(x, n);
    if (label < 0 || (unsigned long long)label >= n) return NAN;
    return log1p(row.rest) - (x[label] - row.max);
}

/* ---- the protocol ---- */

enum { MOST_AXES = 32 };
enum Format { FLOAT32, FLOAT64, INT64, INT32, UINT8, OTHER };
static const char *const FORMATS[] = {"float32", "float64", "int64", "int32", "uint8"};
static const size_t SIZES[] = {4, 8, 8, 4, 1};

typedef struct {
    enum Format format;
    int axes;
    size_t shape[MOST_AXES];
    long long strides[MOST_AXES]; /* in bytes */
    unsigned char *data;          /* at the first element */
    unsigned char *memory;        /* to be freed */
} Array;

static void *must(void *memory) {
    if (!memory) {
        fputs("softmark_c: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Reading JSON: a value is the text from where it begins. Softmark writes no escapes in what is read here. */

static const char *skip_space(const char *text) {
    return text + strspn(text, " \t\r\n");
}

/* The text behind a value. */
static const char *skip(const char *text) {
    int depth = 0;
    for (text = skip_space(text); *text; text++) {
        if (*text == '"') {
            for (text++; *text && *text != '"'; text++)
                if (*text == '\\' && text[1]) text++;
            if (!*text) return text;
        } else if (*text == '{' || *text == '[') {
            depth++;
        } else if (*text == '}' || *text == ']') {
            if (!depth) return text;
            depth--;
        } else if (*text == ',' && !depth) {
            return text;
        } else {
            continue;
        }
        if (!depth && *text != ',') return text + 1;
    }
    return text;
}

/* The value of a key of an object, or NULL. */
static const char *get(const char *object, const char *key) {
    if (!object || *(object = skip_space(object)) != '{') return NULL;
    for (const char *at = skip_space(object + 1); *at == '"'; at = skip_space(at + 1)) {
        const char *end = skip(at), *value = skip_space(end);
        if (*value != ':') return NULL;
        value = skip_space(value + 1);
        if ((size_t)(end - at) == strlen(key) + 2 && !strncmp(at + 1, key, strlen(key))) return value;
        at = skip_space(skip(value));
        if (*at != ',') return NULL;
    }
    return NULL;
}

static int is(const char *value, const char *text) {
    return value && *value == '"' && !strncmp(value + 1, text, strlen(text)) && value[1 + strlen(text)] == '"';
}

/* Whole numbers of a list; -1 where it is none or has too many. */
static int numbers(const char *list, long long *found) {
    int n = 0;
    if (!list || *list != '[') return -1;
    for (list = skip_space(list + 1); *list != ']'; list = skip_space(*list == ',' ? list + 1 : list)) {
        char *end;
        if (n == MOST_AXES) return -1;
        found[n++] = strtoll(list, &end, 10);
        if (end == list) return -1;
        list = skip_space(end);
    }
    return n;
}

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t from_base64(const char *text, unsigned char *bytes) {
    static signed char values[256];
    if (!values['B']) {
        memset(values, -1, sizeof values);
        for (int i = 0; i < 64; i++) values[(unsigned char)DIGITS[i]] = (signed char)i;
    }
    size_t n = 0;
    uint32_t bits = 0;
    for (int held = 0; values[(unsigned char)*text] >= 0; text++) {
        bits = bits << 6 | (uint32_t)values[(unsigned char)*text];
        if ((held += 6) >= 8) bytes[n++] = (unsigned char)(bits >> (held -= 8));
    }
    return n;
}

static void put_base64(const unsigned char *bytes, size_t n) {
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        if (i + 1 < n) bits |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < n) bits |= bytes[i + 2];
        putchar(DIGITS[bits >> 18]);
        putchar(DIGITS[bits >> 12 & 63]);
        putchar(i + 1 < n ? DIGITS[bits >> 6 & 63] : '=');
        putchar(i + 2 < n ? DIGITS[bits & 63] : '=');
    }
}

/* The array of a JSON object; 0 where there is none, or one that this program cannot read. */
static int read_array(const char *object, Array *array) {
    const char *format = get(object, "format"), *data = get(object, "data"), *offset = get(object, "offset");
    long long shape[MOST_AXES];
    memset(array, 0, sizeof *array);
    while (array->format < OTHER && !is(format, FORMATS[array->format])) array->format++;
    if (array->format == OTHER || !data || (array->axes = numbers(get(object, "shape"), shape)) < 0) return 0;
    long long stride = (long long)SIZES[array->format];
    for (int i = array->axes; i-- > 0; stride *= shape[i]) {
        array->shape[i] = (size_t)shape[i];
        array->strides[i] = stride;
    }
    if (get(object, "strides") && numbers(get(object, "strides"), array->strides) != array->axes) return 0;
    array->memory = must(malloc((size_t)(skip(data) - data)));
    from_base64(data + 1, array->memory);
    array->data = array->memory + (offset ? strtoll(offset, NULL, 10) : 0);
    return 1;
}

static double element(enum Format format, const unsigned char *at) {
    float single;
    double value;
    if (format == FLOAT32) return memcpy(&single, at, sizeof single), single;
    return memcpy(&value, at, sizeof value), value;
}

static long long integer(enum Format format, const unsigned char *at) {
    int32_t small;
    int64_t value;
    if (format == UINT8) return *at;
    if (format == INT32) return memcpy(&small, at, sizeof small), small;
    return memcpy(&value, at, sizeof value), value;
}

static void store(enum Format format, unsigned char *at, double value) {
    float single = (float)value;
    memcpy(at, format == FLOAT32 ? (void *)&single : (void *)&value, SIZES[format]);
}

static void fail(long long id, const char *kind, const char *message) {
    printf("{\"id\":%lld,\"%s\":\"%s\"}\n", id, kind, message);
}

enum Operation { SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, CROSS_ENTROPY, UNKNOWN };
static const char *const OPERATIONS[] = {"softmax", "log_softmax", "logsumexp", "softmax_cross_entropy"};

/* The offset of row number `row`: a row is one index for every axis but `axis`. */
static long long place(const Array *x, int axis, size_t row) {
    long long offset = 0;
    for (int i = x->axes; i-- > 0;)
        if (i != axis) {
            offset += (long long)(row % x->shape[i]) * x->strides[i];
            row /= x->shape[i];
        }
    return offset;
}

/* Compute every row of `x` along `axis` and write the answer. */
static void compute(long long id, enum Operation operation, const Array *x, const Array *labels, int axis) {
    size_t n = x->shape[axis], rows = 1, size = SIZES[x->format];
    int whole = operation == SOFTMAX || operation == LOG_SOFTMAX;
    Array y = *x; /* in the order of its axes, without the class axis where a row has one result */
    y.axes = 0;
    for (int i = 0; i < x->axes; i++) {
        if (i != axis) rows *= x->shape[i];
        if (whole || i != axis) y.shape[y.axes++] = x->shape[i];
    }
    long long stride = (long long)size;
    for (int i = y.axes; i-- > 0; stride *= (long long)y.shape[i]) y.strides[i] = stride;
    size_t length = rows * (whole ? n : 1) * size;
    y.data = must(malloc(length + 1));
    double *logits = must(malloc((n + 1) * sizeof *logits)), *results = must(malloc((n + 1) * sizeof *results));
    for (size_t row = 0; row < rows; row++) {
        const unsigned char *from = x->data + place(x, axis, row);
        unsigned char *to = y.data + (whole ? place(&y, axis, row) : (long long)(row * size));
        for (size_t i = 0; i < n; i++) logits[i] = element(x->format, from + (long long)i * x->strides[axis]);
        if (operation == SOFTMAX) softmax(logits, n, results);
        if (operation == LOG_SOFTMAX) log_softmax(logits, n, results);
        if (operation == LOGSUMEXP) *results = logsumexp(logits, n);
        if (operation == CROSS_ENTROPY)
            *results = cross_entropy(logits, n, integer(labels->format, labels->data + place(labels, -1, row)));
        for (size_t i = 0; i < (whole ? n : 1); i++)
            store(x->format, to + (whole ? (long long)i * y.strides[axis] : 0), results[i]);
    }
    printf("{\"id\":%lld,\"array\":{\"format\":\"%s\",\"shape\":[", id, FORMATS[x->format]);
    for (int i = 0; i < y.axes; i++) printf(i ? ",%zu" : "%zu", y.shape[i]);
    printf("],\"data\":\"");
    put_base64(y.data, length);
    printf("\"}}\n");
    free(results);
    free(logits);
    free(y.data);
}

/* Whether the labels have the shape of the logits without the class axis. */
static int fits(const Array *labels, const Array *x, int axis) {
    if (labels->axes != x->axes - 1) return 0;
    for (int i = 0; i < labels->axes; i++)
        if (labels->shape[i] != x->shape[i < axis ? i : i + 1]) return 0;
    return 1;
}

static void answer(const char *line) {
    const char *number = get(line, "id"), *name = get(line, "operation"), *arrays = get(line, "arrays");
    long long id = number ? strtoll(number, NULL, 10) : -1;
    int operation = 0;
    Array x, labels = {0};
    while (operation < UNKNOWN && !is(name, OPERATIONS[operation])) operation++;
    if (operation == UNKNOWN || get(line, "derivative")) {
        fail(id, "not_provided", "no such function");
        return;
    }
    if (!read_array(get(arrays, "x"), &x) || x.format > FLOAT64) {
        fail(id, "error", "logits are float32 or float64");
        free(x.memory);
        return;
    }
    const char *along = get(get(line, "options"), "axis");
    char *end = NULL;
    long long axis = along ? strtoll(along, &end, 10) : -1;
    if (axis < 0) axis += x.axes;
    if (end == along || axis < 0 || axis >= x.axes)
        fail(id, "error", "axis is not one of the logits");
    else if (operation == CROSS_ENTROPY && (!read_array(get(arrays, "labels"), &labels) || labels.format < INT64))
        fail(id, "error", "labels are int64, int32 or uint8");
    else if (operation == CROSS_ENTROPY && !fits(&labels, &x, (int)axis))
        fail(id, "error", "labels have not the shape of the logits without the class axis");
    else if (operation == CROSS_ENTROPY && !x.shape[axis])
        fail(id, "error", "there is no class that a label could name");
    else
        compute(id, operation, &x, &labels, (int)axis);
    free(labels.memory);
    free(x.memory);
}

/* A line of any length without its end, or NULL behind the last one. */
static char *read_line(void) {
    static char *line;
    static size_t room;
    size_t n = 0;
    do {
        if (n + 2 > room) line = must(realloc(line, room = 2 * room + 65536));
        if (!fgets(line + n, (int)(room - n > 1 << 30 ? 1 << 30 : room - n), stdin)) return NULL;
        n += strlen(line + n);
    } while (line[n - 1] != '\n');
    return line;
}

int main(void) {
    if (!read_line()) return 1; /* the suite's greeting, which names device and mode */
    puts("{\"protocol\":1,\"name\":\"softmark-c\",\"version\":\"1.0\",\"formats\":[\"float32\",\"float64\"],"
         "\"features\":[\"index_labels\",\"class_axis\",\"strides\"],"
         "\"operations\":[\"softmax\",\"log_softmax\",\"softmax_cross_entropy\",\"logsumexp\"]}");
    fflush(stdout);
    for (char *line; (line = read_line());) {
        answer(line);
        fflush(stdout);
    }
    return 0;
}
