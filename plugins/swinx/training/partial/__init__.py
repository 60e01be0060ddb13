"""Loss and sampling for partially labelled scans."""
