"""Synthetic single-cell RNA-seq data in which rare cell types survive."""
