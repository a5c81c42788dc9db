"""The network as a class for people who write Python, called like diffusers' pipelines. The engine samples with it."""
