"""The plots of a report for papers: SVG and PNG, drawn with Matplotlib, which is an extra."""
