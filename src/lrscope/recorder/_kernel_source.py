"""The loops in C, for one type of numbers."""

_HEAD = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#define PIECE 1024 /* numbers that are added in their own precision before the sum is added to a double */
#define SAMPLES 64
#define FAR 64.0   /* where the mean square is so many times the variance, the squares cancel */

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIG_uint32_t __builtin_bswap32
#define BIG_uint64_t __builtin_bswap64
#else
#define BIG_uint32_t
#define BIG_uint64_t
#endif

static int is_finite(double value)
{
    uint64_t bits; /* a comparison of numbers would be left out by the compiler */
    memcpy(&bits, &value, 8);
    return (bits & 0x7ff0000000000000u) != 0x7ff0000000000000u;
}

/* Writes 64 bytes, aligned both, past the caches: those belong to the training, and nobody reads the records soon. */
static void stream(void *to, const void *line)
{
#if defined(__AVX512F__)
    _mm512_stream_si512(to, _mm512_load_si512(line));
#elif defined(__SSE2__)
    for (int k = 0; k < 4; k++)
        _mm_stream_si128((__m128i *)to + k, _mm_load_si128((const __m128i *)line + k));
#else
    memcpy(to, line, 64);
#endif
}

/* Other threads see what was written before. */
static void finish_streams(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}
"""

_BODY = """
typedef REAL VECTOR_REAL __attribute__((vector_size(64)));
typedef SIGNED WORDS_REAL __attribute__((vector_size(64)));
enum { LANES_REAL = 64 / sizeof(REAL) };

/* Distances of outputs (sample, neuron, position) from the neuron's mean, squared and added. */
static double distances_REAL(const REAL *x, int64_t samples, int64_t stride, int64_t positions, double mean)
{
    double sum = 0;
    for (int64_t s = 0; s < samples; s++)
        for (int64_t p = 0; p < positions; p++) {
            double far = x[s * stride + p] - mean;
            sum += far * far;
        }
    return sum;
}

/* Means, deviations, shares of what was counted: a sum of x - pivot, b of its square. */
static int finish_REAL(const REAL *x, int64_t samples, int64_t neurons, int64_t positions, const double *a,
                       const double *b, const double *c, const REAL *pivot, REAL *out)
{
    double count = (double)samples * positions;
    for (int64_t n = 0; n < neurons; n++) {
        double shift = a[n] / count, mean = pivot[n] + shift, square = b[n] / count;
        double variance = square - shift * shift;
        if (!is_finite(a[n]) || !is_finite(b[n]))
            return 0;
        if (square > FAR * variance)
            variance = distances_REAL(x + n * positions, samples, neurons * positions, positions, mean) / count;
        out[n] = mean;
        out[neurons + n] = sqrt(variance > 0 ? variance : 0);
        out[4 * neurons + n] = c[n] / count;
    }
    return 1;
}

static int positions_into_REAL(const REAL *x, int64_t samples, int64_t neurons, int64_t positions, double *sums,
                               REAL *pivot, REAL *out)
{
    REAL *least = out + 2 * neurons, *most = out + 3 * neurons;
    double *a = sums, *b = sums + neurons, *c = sums + 2 * neurons;
    for (int64_t n = 0; n < neurons; n++)
        pivot[n] = least[n] = most[n] = x[n * positions];
    for (int64_t s = 0; s < samples; s++)
        for (int64_t n = 0; n < neurons; n++) {
            const REAL *row = x + (s * neurons + n) * positions;
            REAL shift = pivot[n], low = least[n], high = most[n];
            for (int64_t from = 0; from < positions; from += PIECE) {
                int64_t to = from + PIECE < positions ? from + PIECE : positions;
                REAL sum = 0, square = 0, above = 0;
                for (int64_t p = from; p < to; p++) {
                    REAL value = row[p], far = value - shift;
                    sum += far;
                    square += far * far;
                    above += value > 0 ? 1 : 0;
                    low = value < low ? value : low;
                    high = value > high ? value : high;
                }
                a[n] += sum; b[n] += square; c[n] += above;
            }
            least[n] = low; most[n] = high;
        }
    return finish_REAL(x, samples, neurons, positions, a, b, c, pivot, out);
}

/* Statistics of LANES columns of some samples: a vector of 64 bytes takes the place of a number. */
static void block_REAL(const REAL *x, int64_t samples, int64_t neurons, double *a, double *b, double *c,
                       const REAL *pivot, REAL *least, REAL *most)
{
    VECTOR_REAL sum = {0}, square = {0}, zero = {0}, shift, low, high, value;
    WORDS_REAL above = {0};
    memcpy(&shift, pivot, sizeof shift); memcpy(&low, least, sizeof low); memcpy(&high, most, sizeof high);
    for (int64_t s = 0; s < samples; s++) {
        memcpy(&value, x + s * neurons, sizeof value);
        VECTOR_REAL far = value - shift;
        sum += far;
        square += far * far;
        above -= (WORDS_REAL)(value > zero);
        WORDS_REAL less = value < low, more = value > high;
        low = (VECTOR_REAL)(((WORDS_REAL)value & less) | ((WORDS_REAL)low & ~less));
        high = (VECTOR_REAL)(((WORDS_REAL)value & more) | ((WORDS_REAL)high & ~more));
    }
    for (int64_t j = 0; j < LANES_REAL; j++) {
        a[j] += sum[j]; b[j] += square[j]; c[j] += above[j];
    }
    memcpy(least, &low, sizeof low); memcpy(most, &high, sizeof high);
}

/* The same of one column. */
static void column_REAL(const REAL *x, int64_t samples, int64_t neurons, double *a, double *b, double *c,
                        REAL shift, REAL *least, REAL *most)
{
    REAL sum = 0, square = 0, above = 0, low = *least, high = *most;
    for (int64_t s = 0; s < samples; s++) {
        REAL value = x[s * neurons], far = value - shift;
        sum += far;
        square += far * far;
        above += value > 0 ? 1 : 0;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    *a += sum; *b += square; *c += above; *least = low; *most = high;
}

static int columns_into_REAL(const REAL *x, int64_t samples, int64_t neurons, double *sums, REAL *pivot, REAL *out)
{
    REAL *least = out + 2 * neurons, *most = out + 3 * neurons;
    double *a = sums, *b = sums + neurons, *c = sums + 2 * neurons;
    for (int64_t n = 0; n < neurons; n++)
        pivot[n] = least[n] = most[n] = x[n];
    for (int64_t from = 0; from < samples; from += SAMPLES) {
        int64_t some = from + SAMPLES < samples ? SAMPLES : samples - from;
        const REAL *rows = x + from * neurons;
        int64_t n = 0;
        for (; n + LANES_REAL <= neurons; n += LANES_REAL)
            block_REAL(rows + n, some, neurons, a + n, b + n, c + n, pivot + n, least + n, most + n);
        for (; n < neurons; n++)
            column_REAL(rows + n, some, neurons, a + n, b + n, c + n, pivot[n], least + n, most + n);
    }
    return finish_REAL(x, samples, neurons, 1, a, b, c, pivot, out);
}

int positions_REAL(const REAL *x, int64_t samples, int64_t neurons, int64_t positions, REAL *out)
{
    double *room = calloc(neurons, 3 * sizeof(double) + sizeof(REAL));
    if (!room)
        return 0;
    int finite = positions_into_REAL(x, samples, neurons, positions, room, (REAL *)(room + 3 * neurons), out);
    free(room);
    return finite;
}

int columns_REAL(const REAL *x, int64_t samples, int64_t neurons, REAL *out)
{
    double *room = calloc(neurons, 3 * sizeof(double) + sizeof(REAL));
    if (!room)
        return 0;
    int finite = columns_into_REAL(x, samples, neurons, room, (REAL *)(room + 3 * neurons), out);
    free(room);
    return finite;
}

double gather_REAL(const REAL **from, const int64_t *sizes, int64_t count, REAL *out)
{
    double total = 0;
    for (int64_t k = 0; k < count; k++) {
        const REAL *part = from[k];
        for (int64_t i = 0; i < sizes[k]; i++) {
            total += (double)part[i] * part[i];
            out[i] = part[i];
        }
        out += sizes[k];
    }
    return total;
}

double squares_REAL(const REAL **parts, const int64_t *sizes, int64_t count)
{
    double total = 0;
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < sizes[k]; i++)
            total += (double)parts[k][i] * parts[k][i];
    return total;
}

double product_REAL(const REAL *a, const REAL *b, int64_t size)
{
    double total = 0;
    for (int64_t i = 0; i < size; i++)
        total += (double)a[i] * b[i];
    return total;
}

/* The squares of a + factor b. */
double combined_REAL(const REAL *a, const REAL *b, int64_t size, double factor)
{
    double total = 0;
    for (int64_t i = 0; i < size; i++) {
        double sum = a[i] + factor * b[i];
        total += sum * sum;
    }
    return total;
}

/* The squares of how far parts are from what they were, one behind the other. */
double moved_REAL(const REAL **parts, const int64_t *sizes, int64_t count, const REAL *before)
{
    double total = 0;
    for (int64_t k = 0; k < count; before += sizes[k++])
        total += combined_REAL(parts[k], before, sizes[k], -1);
    return total;
}

/* Numbers in the byte order of the file. */
static void turn_REAL(const REAL *from, int64_t size, UNSIGNED *to)
{
    UNSIGNED line[LANES_REAL] __attribute__((aligned(64)));
    int64_t i = 0;
    while (i < size) {
        int whole = (uintptr_t)(to + i) % 64 == 0 && i + LANES_REAL <= size;
        int64_t some = whole ? LANES_REAL : 1;
        memcpy(line, from + i, some * sizeof(REAL));
        for (int64_t j = 0; j < some; j++)
            line[j] = BIG_UNSIGNED(line[j]);
        if (whole)
            stream(to + i, line);
        else
            to[i] = line[0];
        i += some;
    }
}

/* Parts as one row of records, each to the row of its own array. */
void place_REAL(const REAL **parts, const int64_t *sizes, int64_t count, UNSIGNED **arrays, int64_t row)
{
    for (int64_t k = 0; k < count; k++)
        turn_REAL(parts[k], sizes[k], arrays[k] + row * sizes[k]);
    finish_streams();
}
"""

_WORDS = {"float": "int32_t", "double": "int64_t"}


def source_for(real: str) -> str:
    """Return the program for ``float`` or ``double``."""
    word = _WORDS[real]
    return _HEAD + _BODY.replace("UNSIGNED", f"u{word}").replace("REAL", real).replace("SIGNED", word)
