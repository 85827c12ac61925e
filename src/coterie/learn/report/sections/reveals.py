"""What plans say of what becomes known, in Chinese beside the plan's own English."""

from __future__ import annotations

import re
from functools import cache

from markupsafe import Markup, escape

from coterie.learn.report.texts import Text

__all__ = ["told"]

CHINESE = {
    "which of its own rows are common": "自有样本中哪些为共有样本",
    "number of common rows": "共有样本数",
    "whether at least {least} rows are common: one bit": "共有样本是否不少于 {least} 个（1 比特）",
    "whether at least {train} training rows and {test} test rows are common: two bits": (
        "训练样本与测试样本中的共有样本是否分别不少于 {train} 个与 {test} 个（2 比特）"
    ),
    "whether at least {least} common rows have either label: one bit": (
        "共有样本中好、坏样本是否均不少于 {least} 个（1 比特）"
    ),
    "measures of the model on all common rows, with a table by band": (
        "模型在全部共有样本上的各项指标及分段表"
    ),
    "mean and deviation of each column on all common rows, in units of its owner's whole dataset": (
        "各列在全部共有样本上的均值与标准差（以列所有者完整数据集的均值与标准差为单位）"
    ),
    "number of common ids, and of the rows that they make": "共有样本编号数，及其组成的样本行数",
    "how many rows {party} has of each common id": "{party} 中每个共有样本编号各有多少行",
    "number of common rows, with noise for differential privacy: epsilon {epsilon}": (
        "共有样本数（加入差分隐私噪声，ε = {epsilon}）"
    ),
    "list of the common ids, as the id rule writes them": "共有样本编号清单（按编号规则的写法）",
    "number of training rows and number of test rows": "训练样本数与测试样本数",
    "number of training rows and number of test rows of each party": "各参与方的训练样本数与测试样本数",
    "number of training rows, number of those held back, and sum of the first ones' labels of 0 and 1": (
        "训练样本数、留出样本数，以及训练样本的标签之和（标签为 0 与 1 时）"
    ),
    "rows by label and by the class that they are taken for, of all parties' rows": (
        "全部参与方样本按真实类别与预测类别统计的样本数"
    ),
    "log loss of the classes, of all parties' rows": "全部参与方样本的多分类对数损失之和",
    "share of rows taken for their own class, log loss, and rows by label and class": (
        "预测正确的样本占比、对数损失，以及按真实类别与预测类别统计的样本数"
    ),
    "sum of the training rows' labels": "训练样本标签之和",
    "sum of the squared distances of the training rows' labels from their mean": (
        "训练样本标签与其均值之差的平方和"
    ),
    "after which rounds each training can go on, of one that broke off": ("中断的训练可从哪些轮次之后继续"),
    "changes of the weights by each party's training, of every round": "各轮中各参与方训练带来的权重变化之和",
    "changes of the weights by each party's training, of groups of {size} parties in every round": (
        "各轮中每 {size} 个参与方一组的权重变化之和"
    ),
    "losses of training rows and of those held back, and how many changes were shortened, of every round": (
        "各轮训练样本与留出样本的损失之和，以及被截短的权重变化个数"
    ),
    "rows of either label by bin of the score, of all parties' rows": (
        "全部参与方样本按评分区间统计的两类标签样本数"
    ),
    "log loss and squared difference of scores and labels, of all parties' rows": (
        "全部参与方样本的对数损失之和及评分与标签之差的平方和"
    ),
    "sums of labels, of scores and of their differences, of all parties' rows": (
        "全部参与方样本的标签、评分及其差值的各项求和"
    ),
    "spread of the labels, and deviance of their mean, of all parties' rows": (
        "全部参与方样本的标签离散程度，以及以均值预测时的偏差"
    ),
    "rows by bin of the score, of all parties' rows": "全部参与方样本按评分区间统计的样本数",
    "sums of labels and of scores by band, of all parties' rows": (
        "全部参与方样本各评分段的标签之和与评分之和"
    ),
    "the score of each row": "每个样本的评分",
    "the score of each own row": "自有样本中每个样本的评分",
    "the score of each own row of '{frame}' by '{model}'": "“{frame}”中每个自有样本按“{model}”的评分",
    "the points of each own row, summed over all features": "自有样本中每个样本的总分（全部特征之和）",
    "the points of each own row, summed over all features of '{frame}' by '{model}'": (
        "“{frame}”中每个自有样本按“{model}”的总分（全部特征之和）"
    ),
    "the sum over all rows, or a sample of them, of clipped gradients, with noise for differential privacy": (
        "全部样本（或其抽样）裁剪后梯度之和（加入差分隐私噪声）"
    ),
    "of every step: the sum of clipped gradients of a sample of all rows, with noise for differential "
    "privacy": "每一步：全部样本的抽样中裁剪后梯度之和（加入差分隐私噪声）",
    "of every round: the sum of the parties' clipped changes of the weights, with noise for differential "
    "privacy": "每一轮：各参与方裁剪后权重变化之和（加入差分隐私噪声）",
    "the sums over all rows of each feature and of its square, within public bounds, with noise for "
    "differential privacy": "全部样本在公开取值范围内的各特征之和及平方和（加入差分隐私噪声）",
    "coefficient of each feature, and the intercept": "各特征的系数与截距",
    "coefficients": "各特征的系数",
    "coefficient of each feature, and the intercept where there is one": "各特征的系数，以及截距（如有）",
    "whether every value stayed in its range, at all steps together: one bit": (
        "所有步骤中数值是否均在取值范围内（合计 1 比特）"
    ),
    "whether every logit and coefficient stayed in its range, in all passes together: one bit": (
        "全部迭代中对数几率与系数是否均在取值范围内（合计 1 比特）"
    ),
    "the sum over all rows of each feature, or of its rank where values are replaced by ranks, and how many "
    "rows there are": "全部样本上各特征之和（以秩代值时为秩之和），以及样本数",
    "the sum over all rows of the squared distance of each of these from its mean, and how many rows there "
    "are": "全部样本上上述各值与其均值之差的平方和，以及样本数",
    "the sum over all rows of each column's values, and how many there are; fewer missing or present ones of "
    "a party than the smallest group are not told apart": (
        "全部样本上各列取值之和及非缺失个数；某一方缺失或非缺失个数少于最小分组时不加区分"
    ),
    "how many of all rows have values of each column between powers of two, each party's in groups of no "
    "fewer than the smallest group": (
        "全部样本中各列取值落在各 2 的幂之间的样本数，各方样本先按不少于最小分组的组归并"
    ),
    "the same between finer and finer bounds, around the quantiles of each column": (
        "同上，围绕各列分位数逐步细分区间"
    ),
    "by hash of texts that at least the smallest group of a party's rows has: how many parties have one, how "
    "many rows, and sums of its digests": (
        "按散列统计：某一方不少于最小分组的样本所具有的文本，有几方具有、共多少样本及其摘要之和"
    ),
    "how many of all rows with each label are in each slot of each binned column, of which bins are made; of "
    "each party none or no fewer than the smallest group with either label": (
        "各分箱列的每个初始分组中各标签值的样本数（用于合并分箱）；各方在每组中或不计，或好、坏样本均不少于最小分组"
    ),
    "whether all parties have made the same bins of the sums: sums of digests, and of their squares": (
        "各方由这些和得到的分箱是否一致（摘要之和及其平方和）"
    ),
    "how many rows with each label are in each bin, in none fewer than {least} of either": (
        "每个分箱中各标签值的样本数，好、坏样本均不少于 {least} 个"
    ),
    "the most frequent of these texts of each column": "各列中上述文本里最常见者",
    "the sum over all rows of each feature, of its square, and of the label and row weights; the number of "
    "rows with each label value where there are two": (
        "全部样本上各特征及其平方、标签与样本权重之和；标签为二值时各标签值的样本数"
    ),
    "the sum over all rows of the gradient, of the matrix of curvatures, and of the loss, of each iteration: "
    "with them the coefficients of each iteration, the last ones included": (
        "每次迭代中全部样本的梯度、曲率矩阵与损失之和；由此可知每次迭代的系数，包括最终系数"
    ),
    "mean of the label, and a power of two near its spread": "标签均值，以及接近其离散程度的 2 的幂",
    "mean loss of the training rows, each time that it is looked at": "每次检查时训练样本的平均损失",
    "after which look at the loss training has ended": "训练在第几次检查损失后结束",
    "standard error of each coefficient, deviance and the null model's, dispersion, likelihood, AIC; z and p "
    "to who may know the coefficients": (
        "各系数的标准误、偏差与空模型偏差、离散参数、似然值、AIC；有权获知系数者另得 z 值与 p 值"
    ),
    "diagonal of the inverse of the information, and a power of two near its trace; {more}": (
        "信息矩阵逆的对角线与接近其迹的 2 的幂、求逆精度、偏差与空模型偏差、离散参数等统计量"
    ),
    "the trees: of which column each split is, and where; categories by name; counts and leaves": (
        "树模型：各次分裂所用的列与切分点、类别名称、计数与叶值"
    ),
    "gain, cover and number of splits of each feature, and its mean share in the scores": (
        "各特征的增益、覆盖度、分裂次数，及其在评分中的平均贡献"
    ),
    "share of each feature in the score of each row": "每个样本评分中各特征的贡献",
    "mean loss of the rows of training and of those held back, after each round": (
        "每轮后训练样本与留出样本的平均损失"
    ),
    "mean loss of the rows of training and of those held back, after each epoch": (
        "每个周期后训练样本与留出样本的平均损失"
    ),
    "whether all parties begin with the same weights: sums of digests, and of their squares": (
        "各参与方的初始权重是否相同（摘要之和及其平方和）"
    ),
    "weights of the module's network; mean and deviation of a numeric label": (
        "自编网络的权重；数值标签的均值与标准差"
    ),
    "weights and biases of every layer; mean and deviation of a numeric label": (
        "各层权重与偏置；数值型标签的均值与标准差"
    ),
    "measures of the model, with tables by band": "模型的各项指标及分段表",
    "measures of the model, with tables by band, apart by values of {columns}": (
        "模型的各项指标及分段表，并按 {columns} 的取值分群"
    ),
    "measures of the model and of the label holder's own model, with tables by band": (
        "联合模型与标签方自有模型的各项指标及分段表"
    ),
    "measures of the model and of the label holder's own model, with tables by band, apart by values of "
    "{columns}": "联合模型与标签方自有模型的各项指标及分段表，并按 {columns} 的取值分群",
    "report: measures of the model, ROC curves and counts of rows by score": (
        "报告：模型各项指标、ROC 曲线与各分数段样本数"
    ),
    "report: measures of the model, ROC curves and counts of rows by score, apart by values of {columns}": (
        "报告：模型各项指标、ROC 曲线与各分数段样本数，并按 {columns} 的取值分群"
    ),
    "report: measures of the model and of the label holder's own model, ROC curves and counts of rows by "
    "score": ("报告：联合模型与标签方自有模型的各项指标、ROC 曲线与各分数段样本数"),
    "report: measures of the model and of the label holder's own model, ROC curves and counts of rows by "
    "score, "
    "apart by values of {columns}": (
        "报告：联合模型与标签方自有模型的各项指标、ROC 曲线与各分数段样本数，并按 {columns} 的取值分群"
    ),
    "how many rows with each label are in each bin of {owner}'s own columns, in none fewer than {least} of "
    "either, "
    "and how many in all": "{owner} 自有各列每个分箱中的好、坏样本数（每箱好、坏样本均不少于 {least}）及总数",
    "information value, number of bins and share of missing values of each binned column": (
        "各分箱列的信息值 IV、分箱数与缺失率"
    ),
    "figures of the columns of {owner} (counts, moments, quantiles, histograms), of groups of at least "
    "{least} "
    "rows": "{owner} 数据列的统计量（计数、矩、分位数、直方图），每组不少于 {least} 个样本",
    "how many rows with each label are in each group of {owner}'s own columns, in none fewer than {least} of "
    "either, and how many in all": (
        "{owner} 自有各列每组中的好、坏样本数（每组好、坏样本均不少于 {least}）及总数"
    ),
    "what these counts and those of {steps} differ by, which may be of one row": (
        "上述计数与步骤 {steps} 的计数之差，可能只涉及一个样本"
    ),
    "chi-squared statistic, p-value and Cramér's V of each column and the label, number of groups": (
        "各列与标签的卡方统计量、p 值与 Cramér's V，以及分组数"
    ),
    (
        "correlation of each pair of columns; where one row lies far out in a column, its correlations tell "
        "the other columns' values in that row"
    ): "每两列之间的相关系数；若某列存在极端离群行，相关系数会反映该行其他列的取值",
    "the sum over all rows of each column that is correlated, and how many of them have a value": (
        "全部样本上各参与相关分析的列之和，及其非缺失个数"
    ),
    "the sum over all rows of the squared distance of each of these columns from its mean": (
        "全部样本上上述各列与其均值之差的平方和"
    ),
    "the sum over all rows of the product of each pair of these columns, of mean 0 and length 1: their "
    "correlations; of each column and its square again, and the number of rows": (
        "全部样本上上述各列（均值为 0、长度为 1）两两乘积之和，即相关系数；另有各列及其平方之和与样本数"
    ),
    "how many rows there are, how many have a value of each column that is described, and of how many "
    "parties fewer rows than the smallest group have one, or have none": (
        "全部样本数，各列在全部样本中的非缺失个数，以及有几方的非缺失或缺失样本少于最小分组"
    ),
    "the sum over all rows of each column's values, of a party's largest and smallest moved to the next, and "
    "how many there are": "全部样本上各列取值之和及个数（各方最大与最小的若干值已移至相邻值）",
    "the sums over all rows of second, third and fourth powers of their distance from the mean, and how many "
    "there are": "全部样本上上述各值与均值之差的二、三、四次幂之和及个数",
    "how many of all rows are in each cell of each column's histogram, each party's in groups of no fewer "
    "than the smallest group": "全部样本落在各列直方图各单元中的样本数，各方样本先按不少于最小分组的组归并",
    "how many rows of the base are in each bin of each compared column and of the score; of each party none "
    "or no fewer than the smallest group, spread over bins that are too small": (
        "基准数据集中各比较列及评分的各分箱样本数；各方每箱或不计，或不少于最小分组（过小的箱与相邻箱合并后分摊）"
    ),
    "the same of the frame that is compared": "所比较数据集的同类样本数",
    "the sum over all rows of each feature of the fit, and of its square, and how many rows there are": (
        "全部样本上回归各特征及其平方之和，以及样本数"
    ),
    "the sum over all rows of the matrix of information at the coefficients of the fit, features in units of "
    "their spread": "全部样本上在回归系数处的信息矩阵之和（各特征以其离散程度为单位）",
    "how many rows there are, and how many have no value of each feature without bins; of each party none or "
    "all where fewer rows than the smallest group have none, or have one": (
        "全部样本数，以及未分箱的各特征在全部样本中的缺失个数；某一方缺失或非缺失样本少于最小分组时按全无或全部计"
    ),
    "rows of either label by part of the score, of all parties' rows; of each party none or no fewer than "
    "the smallest group with either label, spread over parts that are too small": (
        "全部参与方样本按评分分段统计的两类标签样本数；各方每段或不计，或好、坏样本均不少于最小分组（过小的段合并后分摊）"
    ),
    "sums of the probabilities of these rows, by part of the score": "上述各段样本的违约概率之和",
    "variance inflation factor of each column": "各列的方差膨胀因子 VIF",
    "which rows fulfil a condition on columns of {owner}": "哪些样本满足关于 {owner} 数据列的条件",
    "which rows fulfil a condition on columns of {owner}, the label among them": (
        "哪些样本满足关于 {owner} 数据列（含标签）的条件"
    ),
    "number of rows that are left, by frame": "各数据集剩余的样本数",
    "number of rows of each party that are left, by frame": "各参与方在各数据集中剩余的样本数",
    "weight of the training rows with each label value, of parties with no fewer than the smallest group of "
    "either": "各标签值训练样本的权重之和（仅含好、坏样本均不少于最小分组的参与方）",
    "which rows are drawn, the same share of every group of {column}": "按 {column} 各组等比例抽取了哪些样本",
    "number of training rows, of all parties together": "全部参与方的训练样本总数",
    "number of columns that come of each column of categories": "每个类别列展开后的列数",
    "which of its own categories each new column is": "每个新列对应自有的哪个类别",
    "coefficients of its own features, and so the points of their bins": "自有特征的系数，即其各分箱的分值",
    "the intercept, and so the points that every row starts with": "截距，即每个样本的初始分",
    "the points of each row, summed over all features": "每个样本的总分（全部特征之和）",
    "the features that cost each row the most points, in order": "每个样本扣分最多的特征（按顺序）",
    "the points that each of these features costs the row": "上述各特征对应的扣分值",
    "which rows are for the test, the same share of every group of {column}": (
        "哪些样本用于测试（按 {column} 各组等比例）"
    ),
    "which rows are for the test, the latest by {column}": "哪些样本用于测试（{column} 最晚的部分）",
    "the points of each row, summed over all features of '{frame}' by '{model}'": (
        "“{frame}”中每个样本按“{model}”的总分（全部特征之和）"
    ),
    "the score of each row of '{frame}' by '{model}'": "“{frame}”中每个样本按“{model}”的评分",
    "which features stay": "保留哪些特征",
    "why each feature stays or goes, with what was held against the threshold": (
        "各特征保留或剔除的原因，及与阈值比较的取值"
    ),
    "share of missing values of each feature of another party": "其他参与方各特征的缺失率",
    "correlation of each pair of features": "每两个特征之间的相关系数",
    "matrix of information of a logistic fit with all features": "含全部特征的逻辑回归信息矩阵",
    "that matrix times the coefficients, each feature in units of its spread": (
        "该矩阵与系数的乘积（各特征以其离散程度为单位）"
    ),
    "population stability index and number of bins of each feature of {owner}": (
        "{owner} 各特征的群体稳定性指数 PSI 与分箱数"
    ),
    "population stability index of the score, with counts by bin where each has at least {least} rows of "
    "both samples": ("评分的群体稳定性指数 PSI；两个样本各箱均不少于 {least} 个样本时含各箱计数"),
    "measures of the model beside the label holder's own model: order, reclassification, approvals and "
    "losses": ("模型与标签方自有模型的对比：排序能力、重分类、通过率与损失"),
    "measures of the model beside {other}: order, reclassification, approvals and losses": (
        "模型与 {other} 的对比：排序能力、重分类、通过率与损失"
    ),
    "cut-offs of the score, and counts of rows by decision and score band, in none fewer than {least} of "
    "either "
    "label": "评分阈值，以及按决策与分数段的样本数（好、坏样本均不少于 {least}）",
    "how many parties have their largest label in each range between two powers of 256": (
        "标签最大值落在各数量级区间（相邻区间相差 256 倍）的参与方数"
    ),
    "number of training rows, number of those held back, and sum of the labels": (
        "训练样本数、留出样本数与标签之和"
    ),
    "number of rows by column and cell of a public grid of values": "各列取值落在公开网格各单元中的样本数",
    "number of rows in each part of cells with enough rows, by column": (
        "各列中样本数足够的网格单元细分后各部分的样本数"
    ),
    "sums of the squares of first and of second derivatives, before each tree": (
        "每棵树训练前，全部样本一阶导数与二阶导数的平方和"
    ),
    "sums of first and of second derivatives by node, column and bin, at depth {depth} of each tree": (
        "每棵树第 {depth} 层各节点、各列、各分箱中全部样本的一阶导数之和与二阶导数之和"
    ),
    "sums of the losses of training rows and of those held back, after each tree": (
        "每棵树训练后，训练样本与留出样本各自的损失之和"
    ),
    "number of training rows with each label value": "各标签值的训练样本数",
    "number of rows with each label value, and sum over them of each feature that is a number": (
        "各标签值的样本数，以及各数值特征在其上之和"
    ),
    "sums over the rows with each label value of each number's distance from its mean, and of the square of "
    "this": "各标签值的样本上各数值与其均值之差的和及平方和",
    "how many rows with each label value are in each category; of each party none, or no fewer than the "
    "smallest group with each": (
        "各类别中各标签值的样本数；各方在每个类别中或不计，或各标签值的样本均不少于最小分组"
    ),
    "share of each label value; for each of them mean and variance of every number, share of every "
    "category": ("各标签值的占比，以及其下各数值的均值与方差、各类别的占比"),
    "number of all rows, and sum over them of each feature": "全部样本数及各特征在全部样本上之和",
    "sums over all rows of each feature's distance from its mean, and of the square of this": (
        "全部样本上各特征与其均值之差的和及平方和"
    ),
    "number of all rows, sums over them of each feature, and of the products of each pair of features": (
        "全部样本数、各特征之和，以及每两个特征乘积之和"
    ),
    "mean and scale of each feature, directions of the largest variance, and the variance of each": (
        "各特征的均值与尺度、方差最大的各方向及其方差"
    ),
    "while the start is made: sum of all squares, and of each cluster so far number of rows, sum of each "
    "feature and of its square; of each party's rows in groups of no fewer than the smallest group": (
        "确定初始中心时：全部平方之和，以及当前各聚类的样本数、各特征之和与平方和；各方样本按不少于最小分组的组归入聚类"
    ),
    "of each iteration: sum of all squares, and of each cluster number of rows and sum of each feature; of "
    "each party's rows in groups of no fewer than the smallest group": (
        "每次迭代中：全部平方之和，以及各聚类的样本数与各特征之和；各方样本按不少于最小分组的组归入聚类"
    ),
    "centre and number of rows of each cluster, inertia, and the centres at the start": (
        "各聚类的中心与样本数、类内平方和，以及初始中心"
    ),
    "the cluster of each row, and its distance from the centre": "每个样本所属聚类及其到类中心的距离",
    "of the model that was trained, sums over all training rows: gradients and curvatures by coefficient, or "
    "by leaf of each tree": "已训练模型在全部训练样本上的梯度之和与曲率之和（按系数，或按每棵树的叶节点）",
    "sums over all measured rows: of the loss on the way from the model without features to the one that was "
    "trained, its slope by coefficient or by leaf of each tree": (
        "从无特征模型到已训练模型的路径上，全部评估样本的损失之和及其斜率之和（按系数，或按每棵树的叶节点）"
    ),
    "mean losses of all measured rows by the first network and by the one that was trained": (
        "初始网络与已训练网络在全部评估样本上的平均损失"
    ),
    "gradients of the mean loss of all measured rows by every weight, at two networks on each stretch of the "
    "training": "训练路径每一段上两处网络中，全部评估样本平均损失对各权重的梯度",
    "the contribution of each party, and what the measure would lose without it": (
        "各参与方的贡献，以及缺少该方时指标的损失"
    ),
    "the contributions of all parties together": "全部参与方贡献之和",
    "for each group of {count} parties: {sums}": "对每个由 {count} 个参与方组成的组合：{sums}",
    "of the model of each group of 3 parties: the contribution of each of them": (
        "每个由 3 个参与方组成的组合的模型中，其各方的贡献"
    ),
    "sum of the losses of all measured rows by each model": "每个模型在全部评估样本上的损失之和",
    "rows of either label by bin of the score, of all measured rows by each model": (
        "每个模型按评分区间统计的全部评估样本中两类标签的样本数"
    ),
    "what the losses of all measured rows differ by where a party is left out: sums and sums of squares, by "
    "party": "逐一剔除各参与方时，全部评估样本损失之差的和与平方和（按参与方）",
    "sums over the training rows of each party alone, its numbers of rows with each label among them: what "
    "sums with and without it differ by": (
        "各参与方单独的训练样本求和（含其各标签值的样本数）：即含该方与不含该方的求和之差"
    ),
    "number of rows looked at, and sums of the magnitudes of each feature's share in their scores": (
        "所考察的样本数，以及各特征对其评分贡献的绝对值之和"
    ),
}
"""By the English of the components' reveals, with places for what differs."""


SUMS = "sums"
"""A place for what is a text of a reveal itself."""


def told(what: str) -> Text:
    """Of a reveal. What is not known here stays in English, and says so to who reads it aloud."""
    english = escape(what)
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(what):
            places = {name: told(one).zh if name == SUMS else one for name, one in found.groupdict().items()}
            return Text(english, Markup(chinese).format(**places))  # noqa: S704 - our own texts
    return Text(english, Markup('<span class="foreign">{}</span>').format(what))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    def compiled(english: str) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", english)
        return re.compile(
            "".join(f"(?P<{part}>.+)" if place % 2 else re.escape(part) for place, part in enumerate(parts)),
            re.DOTALL,
        )

    # The longest first: a place takes whatever it can.
    ranked = sorted(CHINESE.items(), key=lambda pair: -len(pair[0]))
    return tuple((compiled(english), chinese) for english, chinese in ranked)
