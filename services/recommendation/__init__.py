"""The recommendation service: shelves of products from what shoppers did, with a reason for each."""
