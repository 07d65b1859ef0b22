"""`order-select`: what chart and definitions know of a statin or blood pressure medicine that was just selected."""
