"""The SageMaker container contract: /ping and /invocations.

GET /ping is 200 with an empty body. POST /invocations takes up to 6 MiB (an option) of

    text/csv                  ; header=present|absent, looked for when not said; an empty cell is null
    application/json          records, {"instances"}, {"dataframe_records"}, {"columns", "data"},
                              {"dataframe_split"}, {"inputs": {column: values}}; lists are in input order
    application/jsonlines     (also x-ndjson) one record or list a line
    application/x-npy         [N, inputs] numbers in input order, or a structured array

and answers in the one of these that Accept asks for, JSON by default: {"predictions": [{output: value}]}.
Columns the model does not read are ignored. ``row_index`` is in an answer exactly when handleInvalid="skip"
dropped rows: the request's row of each answer. NaN and infinities are the strings "NaN", "Infinity" and
"-Infinity" in JSON, as Spark writes them. CSV answers have a header line unless Accept says header=absent.

Errors are JSON, {"error", "column", "row"}: 400 bad rows, 404, 405, 406, 413 too large, 415 (with "allowed"),
500 without details. SIGTERM: no new connections, requests in flight are answered, exit code 0.
"""
