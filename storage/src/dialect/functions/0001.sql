-- The functions that translated statements call. Each gives what SQLite gives, or fails by name.
-- No extension is needed. Applied once, as one migration; a later version adds files, and never changes this one.

CREATE SCHEMA IF NOT EXISTS terrace;

-- A value of any kind, ordered as SQLite orders values: numbers, then text, then blobs.
-- A real has digits after the point, an integer has none.
CREATE TYPE terrace.value AS (class smallint, number numeric, text text COLLATE "C", blob bytea);

-- The exact value of a real.
CREATE FUNCTION terrace.exact(x double precision) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    bits bigint := ('x' || encode(float8send(x), 'hex'))::bit(64)::bigint;
    exponent int := ((bits >> 52) & 2047)::int;
    mantissa numeric := (bits & 4503599627370495)::numeric;
    result numeric;
BEGIN
    IF exponent = 2047 THEN
        RAISE EXCEPTION 'a real is infinite, which SQLite would keep' USING ERRCODE = 'TR001';
    END IF;
    IF exponent > 0 THEN
        mantissa := mantissa + 4503599627370496;
    ELSE
        exponent := 1;
    END IF;
    exponent := exponent - 1075;
    IF exponent >= 0 THEN
        result := mantissa * (2::numeric ^ exponent);
    ELSE
        -- 5^n / 10^n has all digits of 1 / 2^n.
        result := mantissa * round(5::numeric ^ (-exponent), 0) * ('1e' || exponent)::numeric;
    END IF;
    RETURN CASE WHEN bits < 0 THEN -result ELSE result END;
END $$;

-- The text of a real, as SQLite 3.54 writes it: 17 digits, or fewer that give the same real.
CREATE FUNCTION terrace.real_text(x double precision) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    sign text := CASE WHEN x < 0 THEN '-' ELSE '' END;
    magnitude double precision := abs(x);
    digits text;
    exponent int;
    parts text[];
    shorter text;
BEGIN
    IF x = 0 THEN
        RETURN '0.0';
    END IF;
    IF magnitude = 'Infinity'::double precision THEN
        RETURN sign || 'Inf';
    END IF;
    parts := regexp_match(terrace.digits(magnitude, 18), '^(\d)\.(\d*)e(-?\d+)$');
    digits := rpad(parts[1] || parts[2], 18, '0');
    exponent := parts[3]::int;
    IF substr(digits, 15, 2) = '99' THEN
        shorter := regexp_replace(substr(digits, 1, 14), '9*$', '');
        shorter := CASE WHEN shorter = '' THEN '1' ELSE (shorter::bigint + 1)::text END;
        IF length(shorter) > length(regexp_replace(substr(digits, 1, 14), '9*$', '')) THEN
            IF (shorter || 'e' || (exponent - length(shorter) + 2))::double precision = magnitude THEN
                exponent := exponent + 1;
                digits := shorter;
            END IF;
        ELSIF (shorter || 'e' || (exponent - length(shorter) + 1))::double precision = magnitude THEN
            digits := shorter;
        END IF;
    ELSIF exponent + 1 >= 18 OR substr(digits, 14, 3) = '000' THEN
        shorter := rtrim(substr(digits, 1, 13), '0');
        IF (shorter || 'e' || (exponent - length(shorter) + 1))::double precision = magnitude THEN
            digits := shorter;
        END IF;
    END IF;
    IF length(digits) = 18 THEN
        digits := CASE WHEN substr(digits, 18, 1) >= '5'
            THEN (substr(digits, 1, 17)::numeric + 1)::text ELSE substr(digits, 1, 17) END;
        IF length(digits) > 17 THEN
            exponent := exponent + 1;
        END IF;
    END IF;
    digits := rtrim(digits, '0');
    IF exponent < -4 OR exponent > 16 THEN
        RETURN sign || substr(digits, 1, 1) || '.' || CASE WHEN length(digits) > 1 THEN substr(digits, 2) ELSE '0' END
            || 'e' || CASE WHEN exponent < 0 THEN '-' ELSE '+' END || lpad(abs(exponent)::text, greatest(2, length(abs(exponent)::text)), '0');
    ELSIF exponent < 0 THEN
        RETURN sign || '0.' || repeat('0', -exponent - 1) || digits;
    ELSIF length(digits) <= exponent + 1 THEN
        RETURN sign || rpad(digits, exponent + 1, '0') || '.0';
    END IF;
    RETURN sign || substr(digits, 1, exponent + 1) || '.' || substr(digits, exponent + 2);
END $$;

-- A positive real with that many significant digits, cut off: 1.23e4.
CREATE FUNCTION terrace.digits(x double precision, count int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    exact numeric := terrace.exact(x);
    exponent int := floor(log(x::numeric))::int;
    scaled numeric;
BEGIN
    IF exact >= ('1e' || (exponent + 1))::numeric THEN
        exponent := exponent + 1;
    ELSIF exact < ('1e' || exponent)::numeric THEN
        exponent := exponent - 1;
    END IF;
    IF exponent > count - 1 THEN
        scaled := div(exact, ('1e' || (exponent - count + 1))::numeric);
    ELSE
        scaled := trunc(exact * ('1e' || (count - 1 - exponent))::numeric);
    END IF;
    RETURN substr(scaled::text, 1, 1) || '.' || substr(scaled::text, 2) || 'e' || exponent;
END $$;

-- Any kind.
CREATE FUNCTION terrace.any(x bigint) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x IS NOT NULL THEN ROW(1, x::numeric, NULL, NULL)::terrace.value END $$;
CREATE FUNCTION terrace.any(x double precision) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x IS NOT NULL THEN ROW(1, x::text::numeric + 0.0, NULL, NULL)::terrace.value END $$;
CREATE FUNCTION terrace.any(x text) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x IS NOT NULL THEN ROW(2, NULL, x, NULL)::terrace.value END $$;
CREATE FUNCTION terrace.any(x bytea) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x IS NOT NULL THEN ROW(3, NULL, NULL, x)::terrace.value END $$;

CREATE FUNCTION terrace.type_of(x terrace.value) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (x).class IS NULL THEN 'null' WHEN (x).class = 2 THEN 'text' WHEN (x).class = 3 THEN 'blob'
        WHEN scale((x).number) > 0 THEN 'real' ELSE 'integer' END $$;

CREATE FUNCTION terrace.text_of(x terrace.value) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE terrace.type_of(x) WHEN 'text' THEN (x).text WHEN 'integer' THEN (x).number::text
        WHEN 'real' THEN terrace.real_text((x).number::double precision)
        WHEN 'blob' THEN convert_from((x).blob, 'UTF8') END;
END $$;

-- Numbers in text. A prefix that is a number, as CAST reads it.
CREATE FUNCTION terrace.number_prefix(x text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(substring(x FROM '^[ \t\n\r\v\f]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)'), '0') $$;

CREATE FUNCTION terrace.cast_integer(x text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    number numeric := coalesce(substring(x FROM '^[ \t\n\r\v\f]*([+-]?\d+)'), '0')::numeric;
BEGIN
    RETURN greatest(least(number, 9223372036854775807), -9223372036854775808)::bigint;
END $$;
CREATE FUNCTION terrace.cast_integer(x double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN x >= 9223372036854775807::double precision THEN 9223372036854775807
        WHEN x <= (-9223372036854775808)::double precision THEN -9223372036854775808 ELSE trunc(x)::bigint END $$;
CREATE FUNCTION terrace.cast_integer(x bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.cast_integer(convert_from(x, 'UTF8')) $$;
CREATE FUNCTION terrace.cast_real(x text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.number_prefix(x)::double precision $$;
CREATE FUNCTION terrace.cast_real(x bytea) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.cast_real(convert_from(x, 'UTF8')) $$;
CREATE FUNCTION terrace.cast_integer(x terrace.value) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE terrace.type_of(x) WHEN 'null' THEN NULL WHEN 'integer' THEN (x).number::bigint
        WHEN 'real' THEN terrace.cast_integer((x).number::double precision) ELSE terrace.cast_integer(terrace.text_of(x)) END $$;
CREATE FUNCTION terrace.cast_real(x terrace.value) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE (x).class WHEN 1 THEN (x).number::double precision ELSE terrace.cast_real(terrace.text_of(x)) END $$;

-- Truth, as WHERE reads it.
CREATE FUNCTION terrace.truth(x text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.cast_real(x) <> 0 $$;
CREATE FUNCTION terrace.truth(x bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.cast_real(x) <> 0 $$;
CREATE FUNCTION terrace.truth(x terrace.value) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT terrace.cast_real(x) <> 0 $$;

-- Affinity: a whole text that is a number becomes one.
CREATE FUNCTION terrace.number_or_text(x text) RETURNS terrace.value
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    number text := substring(x FROM '^[ \t\n\r\v\f]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[ \t\n\r\v\f]*$');
    value double precision;
BEGIN
    IF number IS NULL THEN
        RETURN terrace.any(x);
    END IF;
    IF number ~ '^[+-]?\d+$' AND abs(number::numeric) < 9223372036854775808 THEN
        RETURN terrace.any(number::bigint);
    END IF;
    value := number::double precision;
    IF value = trunc(value) AND abs(value) < 9007199254740992 THEN
        RETURN terrace.any(value::bigint);
    END IF;
    RETURN terrace.any(value);
END $$;
CREATE FUNCTION terrace.number_or_text(x terrace.value) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (x).class = 2 THEN terrace.number_or_text((x).text) ELSE x END $$;
CREATE FUNCTION terrace.number_as_text(x terrace.value) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (x).class = 1 THEN terrace.any(terrace.text_of(x)) ELSE x END $$;

-- What a column stores. SQLite would keep a value of another kind in it; Postgres cannot.
CREATE FUNCTION terrace.as_integer(x terrace.value) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    number terrace.value := terrace.number_or_text(x);
BEGIN
    IF (x).class IS NULL THEN
        RETURN NULL;
    END IF;
    IF (number).class = 1 AND (number).number = trunc((number).number) AND abs((number).number) < 9223372036854775808 THEN
        RETURN (number).number::bigint;
    END IF;
    RAISE EXCEPTION 'a column of integers cannot hold % %', terrace.type_of(x), terrace.text_of(x)
        USING ERRCODE = 'TR001';
END $$;
CREATE FUNCTION terrace.as_integer(x double precision) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF x = trunc(x) AND abs(x) < 9223372036854775807 THEN
        RETURN x::bigint;
    END IF;
    RAISE EXCEPTION 'a column of integers cannot hold real %', terrace.real_text(x) USING ERRCODE = 'TR001';
END $$;
CREATE FUNCTION terrace.as_integer(x text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.as_integer(terrace.any(x)) $$;
CREATE FUNCTION terrace.as_real(x terrace.value) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    number terrace.value := terrace.number_or_text(x);
BEGIN
    IF (x).class IS NULL THEN
        RETURN NULL;
    END IF;
    IF (number).class = 1 THEN
        RETURN (number).number::double precision;
    END IF;
    RAISE EXCEPTION 'a column of reals cannot hold % %', terrace.type_of(x), terrace.text_of(x)
        USING ERRCODE = 'TR001';
END $$;
CREATE FUNCTION terrace.as_real(x text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.as_real(terrace.any(x)) $$;
CREATE FUNCTION terrace.as_text(x terrace.value) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF (x).class = 3 THEN
        RAISE EXCEPTION 'a column of text cannot hold a blob' USING ERRCODE = 'TR001';
    END IF;
    RETURN terrace.text_of(x);
END $$;
CREATE FUNCTION terrace.as_blob(x terrace.value) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF (x).class IN (1, 2) THEN
        RAISE EXCEPTION 'a column of blobs cannot hold %', terrace.type_of(x) USING ERRCODE = 'TR001';
    END IF;
    RETURN (x).blob;
END $$;

-- An integer beside a real, compared exactly: -1, 0 or 1.
CREATE FUNCTION terrace.compared(i bigint, r double precision) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN r >= 9223372036854775807::double precision THEN -1
        WHEN r < (-9223372036854775808)::double precision THEN 1
        WHEN i < floor(r)::bigint THEN -1 WHEN i > floor(r)::bigint THEN 1
        WHEN r > floor(r) THEN -1 ELSE 0 END $$;
CREATE FUNCTION terrace.compared(r double precision, i bigint) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT -terrace.compared(i, r) $$;

-- Text.
CREATE FUNCTION terrace.nocase(x text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT lower(x COLLATE "C") $$;

CREATE FUNCTION terrace.glob_expression(pattern text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result text := '';
    at int := 1;
    last int;
    letter text;
    set_text text;
BEGIN
    WHILE at <= length(pattern) LOOP
        letter := substr(pattern, at, 1);
        IF letter = '*' THEN
            result := result || '.*';
        ELSIF letter = '?' THEN
            result := result || '.';
        ELSIF letter = '[' THEN
            last := at + 1;
            IF substr(pattern, last, 1) = '^' THEN
                last := last + 1;
            END IF;
            IF substr(pattern, last, 1) = ']' THEN
                last := last + 1;
            END IF;
            WHILE last <= length(pattern) AND substr(pattern, last, 1) <> ']' LOOP
                last := last + 1;
            END LOOP;
            IF last > length(pattern) THEN
                -- A set without an end matches nothing.
                RETURN '[^\s\S]';
            END IF;
            set_text := substr(pattern, at + 1, last - at - 1);
            IF set_text ~ '[a-zA-Z0-9]-[a-zA-Z0-9]' AND EXISTS (
                SELECT 1 FROM regexp_matches(set_text, '([a-zA-Z0-9])-([a-zA-Z0-9])', 'g') AS m
                WHERE m[1] COLLATE "C" > m[2] COLLATE "C") THEN
                RAISE EXCEPTION 'the GLOB pattern % has a range that is upside down', pattern USING ERRCODE = 'TR001';
            END IF;
            set_text := replace(replace(set_text, '\', '\\'), '[', '\[');
            result := result || '[' || set_text || ']';
            at := last;
        ELSIF letter ~ '^[a-zA-Z0-9_ ]$' OR ascii(letter) > 127 THEN
            result := result || letter;
        ELSE
            result := result || '\' || letter;
        END IF;
        at := at + 1;
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION terrace.glob(pattern text, x text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT x COLLATE "C" ~ ('^(?:' || terrace.glob_expression(pattern) || ')$') $$;

CREATE FUNCTION terrace.substr_range(total bigint, start bigint, count bigint, OUT first bigint, OUT number bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    p1 bigint := start;
    p2 bigint := count;
BEGIN
    IF p1 < 0 THEN
        p1 := p1 + total;
        IF p1 < 0 THEN
            IF p2 < 0 THEN p2 := 0; ELSE p2 := p2 + p1; END IF;
            p1 := 0;
        END IF;
    ELSIF p1 > 0 THEN
        p1 := p1 - 1;
    ELSIF p2 > 0 THEN
        p2 := p2 - 1;
    END IF;
    IF p2 < 0 THEN
        IF p1 < -p2 THEN p2 := p1; ELSE p2 := -p2; END IF;
        p1 := p1 - p2;
    END IF;
    first := least(p1 + 1, total + 1);
    number := greatest(least(p2, total), 0);
END $$;
CREATE FUNCTION terrace.substr(x text, start bigint, count bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT substr(x, first::int, number::int) FROM terrace.substr_range(length(x), start, count) $$;
CREATE FUNCTION terrace.substr(x text, start bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.substr(x, start, 1000000000) $$;
CREATE FUNCTION terrace.substr(x bytea, start bigint, count bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT substr(x, first::int, number::int) FROM terrace.substr_range(octet_length(x), start, count) $$;
CREATE FUNCTION terrace.substr(x bytea, start bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.substr(x, start, 1000000000) $$;

CREATE FUNCTION terrace.hex(x bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT upper(encode(coalesce(x, ''::bytea), 'hex')) $$;
CREATE FUNCTION terrace.hex(x text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT terrace.hex(convert_to(x, 'UTF8')) $$;
CREATE FUNCTION terrace.quote(x text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce('''' || replace(x, '''', '''''') || '''', 'NULL') $$;
CREATE FUNCTION terrace.quote(x bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce(x::text, 'NULL') $$;
CREATE FUNCTION terrace.quote(x bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce('X''' || terrace.hex(x) || '''', 'NULL') WHERE x IS NOT NULL
    UNION ALL SELECT 'NULL' WHERE x IS NULL $$;

-- Numbers.
CREATE FUNCTION terrace.shift_left(x bigint, by bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN by <= -64 THEN (CASE WHEN x < 0 THEN -1 ELSE 0 END) WHEN by < 0 THEN x >> (-by)::int
        WHEN by >= 64 THEN 0 ELSE x << by::int END $$;
CREATE FUNCTION terrace.shift_right(x bigint, by bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN by >= 64 THEN (CASE WHEN x < 0 THEN -1 ELSE 0 END) WHEN by >= 0 THEN x >> by::int
        WHEN by <= -64 THEN 0 ELSE x << (-by)::int END $$;
CREATE FUNCTION terrace.round(x double precision, digits bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(x) >= 4503599627370496 THEN x
        ELSE round(terrace.exact(x), least(greatest(digits, 0), 30)::int)::double precision END $$;
CREATE FUNCTION terrace.sqrt(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN x >= 0 THEN sqrt(x) END $$;
CREATE FUNCTION terrace.ln(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN x > 0 THEN ln(x) END $$;
CREATE FUNCTION terrace.log10(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN x > 0 THEN log10(x) END $$;
CREATE FUNCTION terrace.log2(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN x > 0 THEN ln(x) / ln(2::double precision) END $$;
CREATE FUNCTION terrace.log(base double precision, x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN x > 0 AND base > 1 THEN ln(x) / ln(base) END $$;
CREATE FUNCTION terrace.acos(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN abs(x) <= 1 THEN acos(x) END $$;
CREATE FUNCTION terrace.asin(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN abs(x) <= 1 THEN asin(x) END $$;
CREATE FUNCTION terrace.atan2(y double precision, x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT atan2(y, x) $$;
CREATE FUNCTION terrace.pow(x double precision, y double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN x < 0 AND y <> trunc(y) THEN NULL ELSE power(x, y) END $$;
CREATE FUNCTION terrace.mod(x double precision, y double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN y = 0 THEN NULL ELSE (mod(terrace.exact(x), terrace.exact(y)))::double precision END $$;
CREATE FUNCTION terrace.random() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    SELECT ('x' || substr(md5(random()::text || clock_timestamp()::text), 1, 16))::bit(64)::bigint $$;
CREATE FUNCTION terrace.limited(x bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF x IS NULL THEN
        RAISE EXCEPTION 'datatype mismatch: LIMIT is NULL' USING ERRCODE = 'TR001';
    END IF;
    RETURN CASE WHEN x >= 0 THEN x END;
END $$;
CREATE FUNCTION terrace.skipped(x bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF x IS NULL THEN
        RAISE EXCEPTION 'datatype mismatch: OFFSET is NULL' USING ERRCODE = 'TR001';
    END IF;
    RETURN greatest(x, 0);
END $$;

-- The smallest and the largest of several values; NULL if one of them is.
CREATE FUNCTION terrace.least(x anyarray) RETURNS anyelement
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT v FROM unnest(x) AS v WHERE NOT EXISTS (SELECT 1 FROM unnest(x) AS n WHERE n IS NULL) ORDER BY v LIMIT 1 $$;
CREATE FUNCTION terrace.greatest(x anyarray) RETURNS anyelement
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT v FROM unnest(x) AS v WHERE NOT EXISTS (SELECT 1 FROM unnest(x) AS n WHERE n IS NULL) ORDER BY v DESC LIMIT 1 $$;

-- Aggregates.
CREATE FUNCTION terrace.sum_step(state double precision[], x double precision) RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    total double precision;
BEGIN
    IF x IS NULL THEN
        RETURN state;
    END IF;
    IF state IS NULL THEN
        RETURN ARRAY[x, 0];
    END IF;
    total := state[1] + x;
    IF abs(state[1]) > abs(x) THEN
        RETURN ARRAY[total, state[2] + ((state[1] - total) + x)];
    END IF;
    RETURN ARRAY[total, state[2] + ((x - total) + state[1])];
END $$;
CREATE FUNCTION terrace.sum_end(state double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT state[1] + state[2] $$;
CREATE AGGREGATE terrace.sum(double precision) (SFUNC = terrace.sum_step, STYPE = double precision[], FINALFUNC = terrace.sum_end);

CREATE FUNCTION terrace.smaller(a bytea, b bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN b < a THEN b ELSE a END $$;
CREATE FUNCTION terrace.larger(a bytea, b bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT CASE WHEN b > a THEN b ELSE a END $$;
CREATE AGGREGATE terrace.min(bytea) (SFUNC = terrace.smaller, STYPE = bytea);
CREATE AGGREGATE terrace.max(bytea) (SFUNC = terrace.larger, STYPE = bytea);
CREATE FUNCTION terrace.smaller(a terrace.value, b terrace.value) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN (a).class IS NULL OR b < a THEN coalesce(b, a) ELSE a END $$;
CREATE FUNCTION terrace.larger(a terrace.value, b terrace.value) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN (a).class IS NULL OR b > a THEN coalesce(b, a) ELSE a END $$;
CREATE AGGREGATE terrace.min(terrace.value) (SFUNC = terrace.smaller, STYPE = terrace.value);
CREATE AGGREGATE terrace.max(terrace.value) (SFUNC = terrace.larger, STYPE = terrace.value);

-- Rowids. A rowid that a statement gives moves the sequence on.
CREATE FUNCTION terrace.inserted(sequence text, id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF id > coalesce(pg_sequence_last_value(sequence::regclass), 0) THEN
        PERFORM setval(sequence::regclass, id);
    END IF;
    RETURN id;
END $$;
