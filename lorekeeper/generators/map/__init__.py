"""A map of the places a job refers to, drawn as by hand: read, sited, grown, lettered, printed."""
