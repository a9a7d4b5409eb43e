"""The asset registry, uploads and presigned URLs."""
