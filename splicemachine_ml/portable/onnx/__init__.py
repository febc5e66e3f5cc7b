"""From the intermediate representation to an ONNX graph in double precision."""
