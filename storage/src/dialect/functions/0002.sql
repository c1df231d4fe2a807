-- The timelines of the server on which the primary was seen. A replica that has the row of a timeline follows it.

CREATE TABLE terrace.timelines (timeline bigint PRIMARY KEY);
