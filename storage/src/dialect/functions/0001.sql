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

-- A positive real, rounded to that many significant digits: 1.23e4.
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
        scaled := round(exact / ('1e' || (exponent - count + 1))::numeric, 0);
    ELSE
        scaled := round(exact * ('1e' || (count - 1 - exponent))::numeric, 0);
    END IF;
    IF length(scaled::text) > count THEN
        exponent := exponent + 1;
        scaled := scaled / 10;
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
CREATE FUNCTION terrace.nocase(x terrace.value) RETURNS terrace.value
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (x).class = 2 THEN terrace.any(terrace.nocase((x).text)) ELSE x END $$;

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
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.substr(x, start, 9223372036854775807) $$;
CREATE FUNCTION terrace.substr(x bytea, start bigint, count bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    -- SQLite takes an empty blob for NULL here.
    SELECT substr(x, first::int, number::int) FROM terrace.substr_range(octet_length(x), start, count)
    WHERE octet_length(x) > 0 $$;
CREATE FUNCTION terrace.substr(x bytea, start bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.substr(x, start, 9223372036854775807) $$;

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

-- group_concat(DISTINCT x): each text once, in the order in which they come.
CREATE FUNCTION terrace.joined_step(state text[], x text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x IS NULL OR x = ANY (state) THEN state ELSE array_append(state, x) END $$;
CREATE FUNCTION terrace.joined_end(state text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT array_to_string(state, ',') $$;
CREATE AGGREGATE terrace.joined(text) (SFUNC = terrace.joined_step, STYPE = text[], FINALFUNC = terrace.joined_end);

-- Rowids. A rowid that a statement gives moves the sequence on.
CREATE FUNCTION terrace.inserted(sequence text, id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF id > coalesce(pg_sequence_last_value(sequence::regclass), 0) THEN
        PERFORM setval(sequence::regclass, id);
    END IF;
    RETURN id;
END $$;

-- Dates and times: milliseconds since the start of the Julian period, as SQLite computes with them.
CREATE FUNCTION terrace.valid(ms bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN ms BETWEEN 0 AND 464269060799999 THEN ms END $$;
CREATE FUNCTION terrace.now() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint + 210866760000000 $$;
CREATE FUNCTION terrace.days(y bigint, m bigint, d bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    year bigint := y;
    month bigint := m;
    century bigint;
BEGIN
    IF year < -4713 OR year > 9999 THEN
        RETURN NULL;
    END IF;
    IF month <= 2 THEN
        year := year - 1;
        month := month + 12;
    END IF;
    century := (year + 4800) / 100;
    -- In half days, because a Julian day begins at noon.
    RETURN ((36525 * (year + 4716) / 100) + (306001 * (month + 1) / 10000) + d + (38 - century + century / 4)) * 2 - 3049;
END $$;
CREATE FUNCTION terrace.from_ymd(y bigint, m bigint, d bigint, ms bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.days(y, m, d) * 43200000 + ms $$;
CREATE FUNCTION terrace.parts(ms bigint, OUT y bigint, OUT m bigint, OUT d bigint, OUT daytime bigint)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    z bigint := (ms + 43200000) / 86400000;
    alpha bigint := trunc((z + 32044.75) / 36524.25)::bigint - 52;
    a bigint := z + 1 + alpha - ((alpha + 100) / 4) + 25;
    b bigint := a + 1524;
    c bigint := trunc((b - 122.1) / 365.25)::bigint;
    e bigint := (36525 * (c & 32767)) / 100;
    f bigint := trunc((b - e) / 30.6001)::bigint;
BEGIN
    d := b - e - trunc(30.6001 * f)::bigint;
    m := CASE WHEN f < 14 THEN f - 1 ELSE f - 13 END;
    y := CASE WHEN m > 2 THEN c - 4716 ELSE c - 4715 END;
    daytime := (ms + 43200000) % 86400000;
END $$;
CREATE FUNCTION terrace.clock(x text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p text[] := regexp_match(x, '^(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)? *(Z|z|[+-]\d\d:\d\d)? *$');
    zone bigint := 0;
BEGIN
    IF p IS NULL OR p[1]::int > 24 OR p[2]::int > 59 OR p[3]::int > 59 THEN
        RETURN NULL;
    END IF;
    IF p[5] ~ '^[+-]' THEN
        IF substr(p[5], 2, 2)::int > 14 OR substr(p[5], 5, 2)::int > 59 THEN
            RETURN NULL;
        END IF;
        zone := (substr(p[5], 2, 2)::bigint * 60 + substr(p[5], 5, 2)::bigint) * 60000
            * CASE WHEN p[5] LIKE '-%' THEN -1 ELSE 1 END;
    END IF;
    RETURN p[1]::bigint * 3600000 + p[2]::bigint * 60000 + coalesce(p[3], '0')::bigint * 1000
        + floor(coalesce('0' || p[4], '0')::numeric * 1000 + 0.5)::bigint - zone;
END $$;
-- IMMUTABLE, so that indexes and generated columns may have it: the word now is read when a statement is translated.
CREATE FUNCTION terrace.moment_of(x text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p text[];
    clock bigint := 0;
BEGIN
    IF lower(x) = 'now' THEN
        RAISE EXCEPTION 'the time now is a value here; write it into the statement' USING ERRCODE = 'TR001';
    END IF;
    p := regexp_match(x, '^(-?\d{4})-(\d\d)-(\d\d)(?:[ T]+(.*))?$');
    IF p IS NOT NULL THEN
        IF p[2]::int NOT BETWEEN 1 AND 12 OR p[3]::int NOT BETWEEN 1 AND 31 THEN
            RETURN NULL;
        END IF;
        IF coalesce(p[4], '') <> '' THEN
            clock := terrace.clock(p[4]);
        END IF;
        RETURN terrace.from_ymd(p[1]::bigint, p[2]::bigint, p[3]::bigint, clock);
    END IF;
    IF x ~ '^\d\d:\d\d' THEN
        RETURN terrace.from_ymd(2000, 1, 1, terrace.clock(x));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION terrace.add_months(ms bigint, months bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p record;
    total bigint;
BEGIN
    SELECT * INTO p FROM terrace.parts(ms);
    total := p.m - 1 + months;
    RETURN terrace.from_ymd(p.y + floor(total / 12.0)::bigint, total - floor(total / 12.0)::bigint * 12 + 1, p.d, p.daytime);
END $$;
CREATE FUNCTION terrace.modified_once(ms bigint, modifier text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    word text := lower(btrim(modifier));
    p text[];
    n double precision;
    whole bigint;
    parts record;
    days bigint;
BEGIN
    p := regexp_match(word, '^start of (day|month|year)$');
    IF p IS NOT NULL THEN
        SELECT * INTO parts FROM terrace.parts(ms);
        RETURN terrace.from_ymd(parts.y, CASE WHEN p[1] = 'year' THEN 1 ELSE parts.m END,
            CASE WHEN p[1] = 'day' THEN parts.d ELSE 1 END, 0);
    END IF;
    p := regexp_match(word, '^weekday ([0-6])(?:\.0*)?$');
    IF p IS NOT NULL THEN
        days := ((ms + 129600000) / 86400000) % 7;
        IF days > p[1]::bigint THEN
            days := days - 7;
        END IF;
        RETURN ms + 86400000 * (p[1]::bigint - days);
    END IF;
    p := regexp_match(word, '^([+-]?\d*\.?\d+|[+-]?\d+\.) *(second|minute|hour|day|month|year)s?$');
    IF p IS NOT NULL THEN
        n := p[1]::double precision;
        IF p[2] IN ('month', 'year') THEN
            whole := trunc(n)::bigint;
            ms := terrace.add_months(ms, whole * CASE WHEN p[2] = 'year' THEN 12 ELSE 1 END);
            n := n - whole;
            RETURN ms + trunc(n * CASE WHEN p[2] = 'year' THEN 31536000000.0 ELSE 2592000000.0 END
                + CASE WHEN n < 0 THEN -0.5 ELSE 0.5 END)::bigint;
        END IF;
        RETURN ms + trunc(n * CASE p[2] WHEN 'second' THEN 1000.0 WHEN 'minute' THEN 60000.0
            WHEN 'hour' THEN 3600000.0 ELSE 86400000.0 END::double precision
            + CASE WHEN n < 0 THEN -0.5 ELSE 0.5 END)::bigint;
    END IF;
    p := regexp_match(word, '^([+-])(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)$');
    IF p IS NOT NULL THEN
        RETURN ms + CASE WHEN p[1] = '-' THEN -1 ELSE 1 END * terrace.clock(p[2]);
    END IF;
    IF word IN ('localtime', 'utc', 'auto', 'unixepoch', 'julianday', 'subsec', 'subsecond', 'ceiling', 'floor')
        OR word ~ '^[+-]\d\d\d\d-' THEN
        RAISE EXCEPTION 'the modifier % has no counterpart in Postgres here', modifier USING ERRCODE = 'TR001';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION terrace.modified(ms bigint, modifiers text[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    modifier text;
BEGIN
    ms := terrace.valid(ms);
    FOREACH modifier IN ARRAY modifiers LOOP
        ms := terrace.valid(terrace.modified_once(ms, modifier));
    END LOOP;
    RETURN ms;
END $$;
CREATE FUNCTION terrace.moment(x double precision, modifiers text[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    first text := lower(btrim(modifiers[1]));
BEGIN
    IF first = 'unixepoch' OR (first = 'auto' AND NOT (x >= 0 AND x < 5373484.5)) THEN
        RETURN terrace.modified(CASE WHEN x BETWEEN -210866760000 AND 253402300799
            THEN trunc(x * 1000.0 + 210866760000000.0 + 0.5)::bigint END, modifiers[2:]);
    END IF;
    IF NOT (x >= 0 AND x < 5373484.5) THEN
        RETURN NULL;
    END IF;
    IF first IN ('auto', 'julianday') THEN
        modifiers := modifiers[2:];
    END IF;
    RETURN terrace.modified(trunc(x * 86400000.0 + 0.5)::bigint, modifiers);
END $$;
CREATE FUNCTION terrace.moment(x text, modifiers text[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF x ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$' THEN
        RETURN terrace.moment(x::double precision, modifiers);
    END IF;
    IF lower(btrim(modifiers[1])) = 'auto' THEN
        modifiers := modifiers[2:];
    END IF;
    RETURN terrace.modified(terrace.moment_of(x), modifiers);
END $$;
CREATE FUNCTION terrace.strftime(form text, ms bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p record;
    seconds bigint;
    of_year bigint;
    weekday bigint;
    iso timestamp;
    result text := '';
    at int := 1;
    letter text;
BEGIN
    SELECT * INTO p FROM terrace.parts(ms);
    seconds := p.daytime / 1000;
    of_year := (terrace.days(p.y, p.m, p.d) - terrace.days(p.y, 1, 1)) / 2;
    weekday := ((ms + 129600000) / 86400000) % 7;
    iso := to_timestamp((ms - 210866760000000) / 1000.0) AT TIME ZONE 'UTC';
    WHILE at <= length(form) LOOP
        letter := substr(form, at, 1);
        IF letter <> '%' THEN
            result := result || letter;
        ELSE
            at := at + 1;
            letter := substr(form, at, 1);
            result := result || CASE letter
                WHEN 'd' THEN lpad(p.d::text, 2, '0') WHEN 'e' THEN lpad(p.d::text, 2, ' ')
                WHEN 'm' THEN lpad(p.m::text, 2, '0') WHEN 'Y' THEN terrace.short_year_text(p.y)
                WHEN 'H' THEN lpad((seconds / 3600)::text, 2, '0') WHEN 'k' THEN lpad((seconds / 3600)::text, 2, ' ')
                WHEN 'I' THEN lpad(((seconds / 3600 + 11) % 12 + 1)::text, 2, '0')
                WHEN 'l' THEN lpad(((seconds / 3600 + 11) % 12 + 1)::text, 2, ' ')
                WHEN 'M' THEN lpad((seconds / 60 % 60)::text, 2, '0') WHEN 'S' THEN lpad((seconds % 60)::text, 2, '0')
                WHEN 'f' THEN lpad((seconds % 60)::text, 2, '0') || '.' || lpad((p.daytime % 1000)::text, 3, '0')
                WHEN 'F' THEN terrace.short_year_text(p.y) || '-' || lpad(p.m::text, 2, '0') || '-' || lpad(p.d::text, 2, '0')
                WHEN 'R' THEN lpad((seconds / 3600)::text, 2, '0') || ':' || lpad((seconds / 60 % 60)::text, 2, '0')
                WHEN 'T' THEN terrace.time_of(ms)
                WHEN 'j' THEN lpad((of_year + 1)::text, 3, '0')
                WHEN 's' THEN terrace.unixepoch_of(ms)::text
                WHEN 'p' THEN CASE WHEN seconds >= 43200 THEN 'PM' ELSE 'AM' END
                WHEN 'P' THEN CASE WHEN seconds >= 43200 THEN 'pm' ELSE 'am' END
                WHEN 'w' THEN weekday::text WHEN 'u' THEN CASE WHEN weekday = 0 THEN '7' ELSE weekday::text END
                WHEN 'W' THEN lpad(((of_year + 7 - (weekday + 6) % 7) / 7)::text, 2, '0')
                WHEN 'U' THEN lpad(((of_year + 7 - weekday) / 7)::text, 2, '0')
                WHEN 'G' THEN to_char(iso, 'IYYY') WHEN 'g' THEN to_char(iso, 'IY') WHEN 'V' THEN to_char(iso, 'IW')
                ELSE '%' END;
        END IF;
        at := at + 1;
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION terrace.year_text(y bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN y < 0 THEN '-' ELSE '' END || lpad(abs(y)::text, 4, '0') $$;
-- As printf writes it, where the sign is one of the four letters.
CREATE FUNCTION terrace.short_year_text(y bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN y < 0 THEN '-' || lpad(abs(y)::text, 3, '0') ELSE lpad(y::text, 4, '0') END $$;
CREATE FUNCTION terrace.date_of(ms bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT terrace.year_text(y) || '-' || lpad(m::text, 2, '0') || '-' || lpad(d::text, 2, '0') FROM terrace.parts(ms) $$;
CREATE FUNCTION terrace.time_of(ms bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lpad((s / 3600)::text, 2, '0') || ':' || lpad((s / 60 % 60)::text, 2, '0') || ':' || lpad((s % 60)::text, 2, '0')
    FROM (SELECT daytime / 1000 AS s FROM terrace.parts(ms)) AS clock $$;
CREATE FUNCTION terrace.datetime_of(ms bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.date_of(ms) || ' ' || terrace.time_of(ms) $$;
CREATE FUNCTION terrace.julianday_of(ms bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT ms::double precision / 86400000.0::double precision $$;
CREATE FUNCTION terrace.unixepoch_of(ms bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT ms / 1000 - 210866760000 $$;

-- JSON, as text in its own order.
CREATE FUNCTION terrace.json(x text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace((x::json)::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') $$;
CREATE FUNCTION terrace.json(x json) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(x::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') $$;
CREATE FUNCTION terrace.json_valid(x text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    PERFORM x::json;
    RETURN 1;
EXCEPTION WHEN invalid_text_representation THEN
    RETURN 0;
END $$;
CREATE FUNCTION terrace.json_at(document text, path text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    here json := document::json;
    rest text := substr(path, 2);
    p text[];
    index bigint;
BEGIN
    IF path NOT LIKE '$%' THEN
        RAISE EXCEPTION 'bad JSON path: %', path USING ERRCODE = 'TR001';
    END IF;
    WHILE rest <> '' LOOP
        p := regexp_match(rest, '^\[(#?)(-?\d+)?\](.*)$');
        IF p IS NOT NULL THEN
            IF json_typeof(here) <> 'array' THEN
                RETURN NULL;
            END IF;
            index := coalesce(p[2], '0')::bigint;
            IF p[1] = '#' THEN
                index := index + json_array_length(here);
            END IF;
            IF index < 0 THEN
                RETURN NULL;
            END IF;
            here := here -> index::int;
            rest := p[3];
        ELSE
            p := regexp_match(rest, '^\.(?:"((?:[^"\\]|\\.)*)"|([^.\[]+))(.*)$');
            IF p IS NULL THEN
                RAISE EXCEPTION 'bad JSON path: %', path USING ERRCODE = 'TR001';
            END IF;
            IF json_typeof(here) <> 'object' THEN
                RETURN NULL;
            END IF;
            -- SQLite takes the first of several members of one name, Postgres the last.
            here := (SELECT value FROM json_each(here) WITH ORDINALITY AS m(key, value, place)
                WHERE key = coalesce(replace(p[1], '\"', '"'), p[2]) ORDER BY place LIMIT 1);
            rest := p[3];
        END IF;
        IF here IS NULL THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RETURN here;
END $$;
CREATE FUNCTION terrace.json_value(x json) RETURNS terrace.value
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    plain text := x #>> '{}';
BEGIN
    RETURN CASE json_typeof(x)
        WHEN 'null' THEN NULL::terrace.value
        WHEN 'boolean' THEN terrace.any(CASE WHEN plain = 'true' THEN 1 ELSE 0 END::bigint)
        WHEN 'string' THEN terrace.any(plain)
        WHEN 'number' THEN CASE WHEN plain ~ '^-?\d+$' AND abs(plain::numeric) < 9223372036854775808
            THEN terrace.any(plain::bigint) ELSE terrace.any(plain::double precision) END
        ELSE terrace.any(terrace.json(x)) END;
END $$;
CREATE FUNCTION terrace.json_type_of(x json) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE json_typeof(x) WHEN 'boolean' THEN x #>> '{}' WHEN 'string' THEN 'text'
        WHEN 'number' THEN CASE WHEN x #>> '{}' ~ '^-?\d+$' THEN 'integer' ELSE 'real' END ELSE json_typeof(x) END $$;
CREATE FUNCTION terrace.json_type(document text, path text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT terrace.json_type_of(terrace.json_at(document, path)) $$;
CREATE FUNCTION terrace.json_array_length(document text, path text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    here json := terrace.json_at(document, path);
BEGIN
    RETURN CASE WHEN json_typeof(here) = 'array' THEN json_array_length(here) WHEN here IS NOT NULL THEN 0 END;
END $$;
CREATE FUNCTION terrace.json_each(text, text)
RETURNS TABLE (key terrace.value, value terrace.value, type text, atom terrace.value, fullkey text, path text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
#variable_conflict use_column
DECLARE
    root text := $2;
    here json := terrace.json_at($1, $2);
BEGIN
    IF here IS NULL THEN
        RETURN;
    END IF;
    CASE json_typeof(here)
    WHEN 'array' THEN
        RETURN QUERY SELECT terrace.any(m.place - 1), terrace.json_value(m.value), terrace.json_type_of(m.value),
            CASE WHEN json_typeof(m.value) IN ('array', 'object') THEN NULL::terrace.value ELSE terrace.json_value(m.value) END,
            root || '[' || (m.place - 1) || ']', root
            FROM json_array_elements(here) WITH ORDINALITY AS m(value, place) ORDER BY m.place;
    WHEN 'object' THEN
        RETURN QUERY SELECT terrace.any(m.key), terrace.json_value(m.value), terrace.json_type_of(m.value),
            CASE WHEN json_typeof(m.value) IN ('array', 'object') THEN NULL::terrace.value ELSE terrace.json_value(m.value) END,
            root || CASE WHEN m.key ~ '^[A-Za-z][A-Za-z0-9]*$' THEN '.' || m.key ELSE '."' || m.key || '"' END, root
            FROM json_each(here) WITH ORDINALITY AS m(key, value, place) ORDER BY m.place;
    ELSE
        RETURN QUERY SELECT NULL::terrace.value, terrace.json_value(here), terrace.json_type_of(here),
            terrace.json_value(here), root, root;
    END CASE;
END $$;

-- printf.
CREATE FUNCTION terrace.padded(flags text, width int, sign text, digits text, zeros boolean) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    -- SQLite counts bytes.
    SELECT CASE WHEN missing <= 0 THEN sign || digits
        WHEN flags LIKE '%-%' THEN sign || digits || repeat(' ', missing)
        WHEN zeros AND flags LIKE '%0%' THEN sign || repeat('0', missing) || digits
        ELSE repeat(' ', missing) || sign || digits END
    FROM (SELECT width - octet_length(sign || digits) AS missing) AS padding $$;
CREATE FUNCTION terrace.grouped(digits text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT reverse(regexp_replace(reverse(digits), '(\d{3})(?=\d)', '\1,', 'g')) $$;
CREATE FUNCTION terrace.format_integer(letter text, flags text, width int, digits int, x bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    value bigint := coalesce(x, 0);
    number text;
    sign text := '';
BEGIN
    IF letter IN ('d', 'i') THEN
        number := ltrim(value::text, '-');
        sign := CASE WHEN value < 0 THEN '-' WHEN flags LIKE '%+%' THEN '+' WHEN flags LIKE '% %' THEN ' ' ELSE '' END;
    ELSIF letter = 'u' THEN
        number := CASE WHEN value < 0 THEN (value::numeric + 18446744073709551616)::text ELSE value::text END;
    ELSIF letter = 'o' THEN
        number := '';
        LOOP
            number := (value & 7)::text || number;
            value := terrace.shift_right(value, 3) & 2305843009213693951;
            EXIT WHEN value = 0;
        END LOOP;
    ELSE
        number := to_hex(value);
        IF letter = 'X' THEN
            number := upper(number);
        END IF;
    END IF;
    number := lpad(number, greatest(digits, length(number)), '0');
    IF flags LIKE '%,%' THEN
        IF flags LIKE '%0%' OR letter NOT IN ('d', 'i', 'u') THEN
            RAISE EXCEPTION 'printf with , and 0, or of hexadecimal digits' USING ERRCODE = 'TR001';
        END IF;
        number := terrace.grouped(number);
    END IF;
    RETURN terrace.padded(flags, width, sign, number, true);
END $$;
CREATE FUNCTION terrace.format_real(flags text, width int, digits int, x double precision) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    value double precision := coalesce(x, 0);
    magnitude numeric := round(terrace.exact(abs(value)), digits);
    sign text := CASE WHEN value < 0 THEN '-' WHEN flags LIKE '%+%' THEN '+' WHEN flags LIKE '% %' THEN ' ' ELSE '' END;
    number text := magnitude::text;
BEGIN
    IF abs(value) >= 1e15 THEN
        RAISE EXCEPTION 'printf of a real with more digits than it has' USING ERRCODE = 'TR001';
    END IF;
    IF flags LIKE '%,%' THEN
        number := terrace.grouped(split_part(number, '.', 1)) || CASE WHEN digits > 0 THEN '.' || split_part(number, '.', 2) ELSE '' END;
    END IF;
    RETURN terrace.padded(flags, width, sign, number, true);
END $$;
CREATE FUNCTION terrace.format_text(letter text, flags text, width int, digits int, x text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    value text := x;
BEGIN
    IF letter = 'Q' AND x IS NULL THEN
        RETURN terrace.padded(flags, width, '', 'NULL', false);
    END IF;
    IF letter = 'c' THEN
        value := repeat(substr(coalesce(value, ''), 1, 1), greatest(coalesce(digits, 1), 1));
        -- The width of this one is in letters.
        RETURN terrace.padded(flags, width + octet_length(value) - length(value), '', value, false);
    END IF;
    value := coalesce(value, CASE WHEN letter IN ('q', 'Q') THEN '(NULL)' ELSE '' END);
    IF digits IS NOT NULL THEN
        IF octet_length(value) <> length(value) THEN
            RAISE EXCEPTION 'printf with a precision counts bytes, and may cut a letter' USING ERRCODE = 'TR001';
        END IF;
        value := substr(value, 1, digits);
    END IF;
    value := CASE letter WHEN 'q' THEN replace(value, '''', '''''')
        WHEN 'Q' THEN '''' || replace(value, '''', '''''') || '''' WHEN 'w' THEN replace(value, '"', '""') ELSE value END;
    RETURN terrace.padded(flags, width, '', value, false);
END $$;

-- RAISE(ABORT, …) of a trigger.
CREATE FUNCTION terrace.raise(message text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION '%', message USING ERRCODE = 'TR002';
END $$;

-- JSON that is changed. The text keeps its order of names, so it is written anew around the changed part.
CREATE FUNCTION terrace.json_made(path text, value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p text[] := regexp_match(path, '^\.(?:"((?:[^"\\]|\\.)*)"|([^.\[]+))(.*)$');
    inner_text text;
BEGIN
    IF path = '' THEN
        RETURN value;
    END IF;
    IF p IS NOT NULL THEN
        inner_text := terrace.json_made(p[3], value);
        RETURN '{' || to_json(coalesce(replace(p[1], '\"', '"'), p[2]))::text || ':' || inner_text || '}';
    END IF;
    p := regexp_match(path, '^\[(?:#|0)\](.*)$');
    RETURN '[' || terrace.json_made(p[1], value) || ']';
END $$;
-- The value at the path is replaced, or made where there is none, or both; removed if there is no value.
CREATE FUNCTION terrace.json_changed(here json, path text, value text, replaces boolean, makes boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    p text[];
    members text[] := '{}';
    made text;
    count int;
    index bigint;
    wanted text;
    found boolean := false;
    member record;
BEGIN
    IF path = '' THEN
        RETURN CASE WHEN replaces THEN value ELSE here::text END;
    END IF;
    p := regexp_match(path, '^\[(#?)(-?\d+)?\](.*)$');
    IF p IS NOT NULL THEN
        IF json_typeof(here) <> 'array' THEN
            RETURN here::text;
        END IF;
        count := json_array_length(here);
        index := coalesce(p[2], '0')::bigint + CASE WHEN p[1] = '#' THEN count ELSE 0 END;
        FOR member IN SELECT m.value, m.place - 1 AS place FROM json_array_elements(here) WITH ORDINALITY AS m(value, place) ORDER BY m.place LOOP
            made := CASE WHEN member.place = index THEN terrace.json_changed(member.value, p[3], value, replaces, makes) ELSE member.value::text END;
            members := CASE WHEN made IS NULL THEN members ELSE array_append(members, made) END;
        END LOOP;
        IF index = count AND makes THEN
            made := terrace.json_made(p[3], value);
            members := CASE WHEN made IS NULL THEN members ELSE array_append(members, made) END;
        END IF;
        RETURN '[' || array_to_string(members, ',') || ']';
    END IF;
    p := regexp_match(path, '^\.(?:"((?:[^"\\]|\\.)*)"|([^.\[]+))(.*)$');
    IF p IS NULL THEN
        RAISE EXCEPTION 'bad JSON path: %', path USING ERRCODE = 'TR001';
    END IF;
    IF json_typeof(here) <> 'object' THEN
        RETURN here::text;
    END IF;
    wanted := coalesce(replace(p[1], '\"', '"'), p[2]);
    FOR member IN SELECT m.key, m.value FROM json_each(here) WITH ORDINALITY AS m(key, value, place) ORDER BY m.place LOOP
        made := member.value::text;
        IF member.key = wanted AND NOT found THEN
            found := true;
            made := terrace.json_changed(member.value, p[3], value, replaces, makes);
        END IF;
        members := CASE WHEN made IS NULL THEN members ELSE array_append(members, to_json(member.key)::text || ':' || made) END;
    END LOOP;
    IF NOT found AND makes THEN
        made := terrace.json_made(p[3], value);
        members := CASE WHEN made IS NULL THEN members ELSE array_append(members, to_json(wanted)::text || ':' || made) END;
    END IF;
    RETURN '{' || array_to_string(members, ',') || '}';
END $$;
CREATE FUNCTION terrace.json_plain(document text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF document ~ '\\[u/]' THEN
        RAISE EXCEPTION 'JSON with \u or \/ is not written as it was' USING ERRCODE = 'TR001';
    END IF;
    RETURN terrace.json(document)::json;
END $$;
CREATE FUNCTION terrace.json_set(document text, path text, value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT terrace.json_changed(terrace.json_plain(document), substr(path, 2), value, true, true) $$;
CREATE FUNCTION terrace.json_insert(document text, path text, value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT terrace.json_changed(terrace.json_plain(document), substr(path, 2), value, false, true) $$;
CREATE FUNCTION terrace.json_replace(document text, path text, value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT terrace.json_changed(terrace.json_plain(document), substr(path, 2), value, true, false) $$;
CREATE FUNCTION terrace.json_remove(document text, path text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT terrace.json_changed(terrace.json_plain(document), substr(path, 2), NULL, true, false) $$;
-- RFC 7396.
CREATE FUNCTION terrace.json_merged(target json, patch json) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    members text[] := '{}';
    change json;
    member record;
BEGIN
    IF json_typeof(patch) <> 'object' THEN
        RETURN patch::text;
    END IF;
    IF target IS NULL OR json_typeof(target) <> 'object' THEN
        target := '{}';
    END IF;
    FOR member IN SELECT m.key, m.value FROM json_each(target) WITH ORDINALITY AS m(key, value, place) ORDER BY m.place LOOP
        change := patch -> member.key;
        IF change IS NULL THEN
            members := array_append(members, to_json(member.key)::text || ':' || member.value::text);
        ELSIF json_typeof(change) <> 'null' THEN
            members := array_append(members, to_json(member.key)::text || ':' || terrace.json_merged(member.value, change));
        END IF;
    END LOOP;
    FOR member IN SELECT m.key, m.value FROM json_each(patch) WITH ORDINALITY AS m(key, value, place) ORDER BY m.place LOOP
        IF json_typeof(member.value) <> 'null' AND target -> member.key IS NULL THEN
            members := array_append(members, to_json(member.key)::text || ':' || terrace.json_merged(NULL, member.value));
        END IF;
    END LOOP;
    RETURN '{' || array_to_string(members, ',') || '}';
END $$;
CREATE FUNCTION terrace.json_patch(document text, patch text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT terrace.json_merged(terrace.json_plain(document), terrace.json_plain(patch)) $$;

-- A value and all inside of it, each before what it holds.
CREATE FUNCTION terrace.json_walk(here json, name terrace.value, whole text, holder text)
RETURNS TABLE (key terrace.value, value terrace.value, type text, atom terrace.value, fullkey text, path text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
#variable_conflict use_column
DECLARE
    member record;
    kind text := json_typeof(here);
BEGIN
    RETURN QUERY SELECT name, terrace.json_value(here), terrace.json_type_of(here),
        CASE WHEN kind IN ('array', 'object') THEN NULL::terrace.value ELSE terrace.json_value(here) END, whole, holder;
    IF kind = 'array' THEN
        FOR member IN SELECT m.item, m.place - 1 AS place FROM json_array_elements(here) WITH ORDINALITY AS m(item, place) ORDER BY m.place LOOP
            RETURN QUERY SELECT * FROM terrace.json_walk(member.item, terrace.any(member.place), whole || '[' || member.place || ']', whole);
        END LOOP;
    ELSIF kind = 'object' THEN
        FOR member IN SELECT m.word, m.item FROM json_each(here) WITH ORDINALITY AS m(word, item, place) ORDER BY m.place LOOP
            RETURN QUERY SELECT * FROM terrace.json_walk(member.item, terrace.any(member.word),
                whole || CASE WHEN member.word ~ '^[A-Za-z][A-Za-z0-9]*$' THEN '.' || member.word ELSE '."' || member.word || '"' END, whole);
        END LOOP;
    END IF;
END $$;
CREATE FUNCTION terrace.json_tree(document text)
RETURNS TABLE (key terrace.value, value terrace.value, type text, atom terrace.value, fullkey text, path text)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT * FROM terrace.json_walk(document::json, NULL, '$', '$') $$;

-- Random bytes: the version digits of a UUID are not random, so two of them make 32 bytes.
CREATE FUNCTION terrace.randomblob(count bigint) RETURNS bytea
LANGUAGE sql VOLATILE AS $$
    SELECT substr(string_agg(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), ''::bytea), 1, greatest(coalesce(count, 1), 1)::int)
    FROM generate_series(0, greatest(coalesce(count, 1), 1) / 32) $$;
